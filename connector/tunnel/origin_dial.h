#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/address_v4.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

#include "auth/connector/protocol.h"
#include "base/host.h"
#include "connector/config/allow_list.h"
#include "tunnel/stream.h"

namespace cfpipe::connector {

/// How long looking an origin up, and connecting to it, may take, each.
inline constexpr std::chrono::milliseconds kOriginLookupLimit{4'000};
inline constexpr std::chrono::milliseconds kOriginConnectLimit{5'000};

/// What tunnels may lead to, and how. A change makes new rules; tunnels that are open stay.
struct TunnelRules {
  AllowList origins;
  bool per_user_addresses = false;
};

/// The address of a subject's own that its tunnels to loopback come from: 127.x.y.z with x and z from 1 to
/// 254, the same for the same subject on each machine.
boost::asio::ip::address_v4 address_of_subject(std::string_view subject);

/// A connection to the origin, or why there is none. Nothing is looked up or dialled that the rules do not
/// allow.
using DialledOrigin = std::variant<boost::asio::ip::tcp::socket, auth::OriginFault>;
boost::asio::awaitable<DialledOrigin> dial_origin(std::shared_ptr<const TunnelRules> rules, Authority origin,
                                                  std::string subject);

/// A connection as one side of a tunnel. Null: it has gone.
std::unique_ptr<tunnel::Stream> stream_of(const boost::asio::any_io_executor& executor,
                                          boost::asio::ip::tcp::socket socket);

}  // namespace cfpipe::connector
