#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <string>

#include "base/error.h"
#include "transport/net/resolve.h"

namespace cfpipe::transport {

/// How long an address has before the next one is tried beside it (RFC 8305 8 recommends as much).
inline constexpr std::chrono::milliseconds kAttemptDelay{250};

/// The order in which addresses are tried: families take turns, beginning with that of the first address;
/// within a family nothing changes (RFC 8305 4).
Endpoints in_turns(const Endpoints& found);

/// Connects to the first address that answers (RFC 8305 5): one after another, the next when the one before
/// has failed or kAttemptDelay after its start; those that lose are closed. `limit` is for all of them
/// together. TCP_NODELAY is set. `endpoints` must not be empty, and is at most as long as resolve() makes it,
/// which bounds the attempts. Failures, Stage::tcp: refused, unreachable, timed_out; what is told is what
/// happened to the first address, `where` in front of it.
boost::asio::awaitable<Result<boost::asio::ip::tcp::socket>> connect_first(Endpoints endpoints,
                                                                           std::string where,
                                                                           std::chrono::milliseconds limit);

}  // namespace cfpipe::transport
