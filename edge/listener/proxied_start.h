#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <optional>

#include "edge/http/proxy_header.h"

namespace cfpipe::edge {

/// How a trusted proxy's connection began.
struct ProxiedStart {
  enum class Kind {
    read,    ///< with a header
    absent,  ///< it ended without a byte, as the health checks of balancers do
    bad,     ///< with something else
  };
  Kind kind = Kind::absent;
  const char* fault = "";              ///< of a bad one
  std::optional<ConnectionEnds> ends;  ///< of one that was read: see ProxyHeaderReader::ends()
};

/// Reads the header from the front of a connection, and not a byte of what follows. All of it has to come
/// within `limit`. The socket outlives the await.
boost::asio::awaitable<ProxiedStart> read_proxied_start(boost::asio::ip::tcp::socket& socket,
                                                        std::chrono::milliseconds limit);

}  // namespace cfpipe::edge
