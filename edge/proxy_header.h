#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <string>

namespace cfpipe::edge {

/// The two ends of a client's connection, as the edge sees them.
struct ConnectionEnds {
  boost::asio::ip::tcp::endpoint client;
  boost::asio::ip::tcp::endpoint edge;
};

/// The PROXY protocol's binary header (HAProxy's proxy-protocol.txt, 2.2), which tells an origin whom it is
/// talking to: 28 bytes for IPv4, 52 for IPv6, 16 that name nobody where an end is not known. An IPv4 address
/// that a dual-stack listener shows as ::ffff:a.b.c.d is written as IPv4.
std::string proxy_header(const ConnectionEnds& ends);

}  // namespace cfpipe::edge
