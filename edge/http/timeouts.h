#pragma once

#include <chrono>

#include "transport/http2/connection.h"

namespace cfpipe::edge {

/// How long a client may take; tests shorten it. Each is the time of the whole, however it is split up.
struct Timeouts {
  std::chrono::milliseconds proxy_header{5'000};  ///< of a trusted proxy, before all else
  std::chrono::milliseconds handshake{10'000};    ///< of TLS
  /// From the end of one request, or the handshake, to the last byte of the next: so also how long a
  /// connection is kept for another one. Over HTTP/2 for a body, from its head on. And for an answer to be
  /// taken.
  std::chrono::milliseconds request{30'000};
  /// How long an answer may wait for a client that takes nothing of it.
  std::chrono::milliseconds stall{10'000};
  /// How long, after an answer to a request that was not read, what follows is read and dropped.
  std::chrono::milliseconds linger{2'000};
  /// Over HTTP/2 without a stream, so also for a head that does not end.
  std::chrono::milliseconds h2_idle = transport::kH2ServerIdle;
};

}  // namespace cfpipe::edge
