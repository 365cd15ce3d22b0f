#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <chrono>
#include <string>
#include <variant>

#include "edge/config/config.h"
#include "edge/http/proxy_header.h"
#include "edge/http/request.h"

namespace cfpipe::edge {

/// How long an origin may take to accept a connection.
inline constexpr std::chrono::seconds kOriginDeadline{10};

/// A connection to an origin, over TCP or to a Unix-domain socket.
using OriginSocket = boost::asio::generic::stream_protocol::socket;

/// Connects to the origin of a grant, and tells it of the client's connection if it wants to know; an Answer
/// (502) says why not.
boost::asio::awaitable<std::variant<OriginSocket, Answer>> dial_origin(const TunnelGrant& grant,
                                                                       const ConnectionEnds& ends);

/// An application's own origin, for people: `10.0.0.5:22`, `[2001:db8::5]:22`, `unix:/run/app.sock`.
std::string origin_text(const ApplicationConfig& app);

}  // namespace cfpipe::edge
