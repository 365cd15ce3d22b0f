#pragma once

#include <boost/asio/ip/address.hpp>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "edge/http/trusted_proxies.h"

namespace cfpipe::edge {

/// What proxies that end TLS write into requests: Forwarded (RFC 7239), or X-Forwarded-For and
/// X-Forwarded-Proto. Pure: headers in, client out. How much there is to read is bounded by the size of a
/// head.

using Headers = std::vector<std::pair<std::string, std::string>>;

/// Where a request comes from.
struct ForwardedClient {
  boost::asio::ip::address address;
  bool encrypted = true;  ///< false: a proxy says that the client came by plain HTTP
  bool operator==(const ForwardedClient&) const = default;
};

/// The client of a request that came from `proxy`, which is trusted. Each proxy adds the address it was asked
/// from behind those that are there, so they are read from the right, and the first one that is not trusted
/// is the client's: what stands in front of that, the client may have written. Where a proxy hides whom it
/// was asked by (`unknown`, `_name`) or says nothing, its own address is the answer.
/// Text: why the headers cannot be used. One that is malformed may hide what the last proxy wrote; and where
/// both name clients, who have to be the same, one is the client's own doing.
std::variant<ForwardedClient, std::string> forwarded_client(const Headers& headers,
                                                            const TrustedProxies& trusted,
                                                            const boost::asio::ip::address& proxy);

}  // namespace cfpipe::edge
