#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <string>

#include "base/error.h"
#include "transport/net/resolve.h"

namespace cfpipe::transport {

/// Connection Attempt Delay (RFC 8305 8).
inline constexpr std::chrono::milliseconds kAttemptDelay{250};

/// The order in which addresses are tried: families take turns, beginning with that of the first address;
/// within a family nothing changes (RFC 8305 4).
Endpoints in_turns(const Endpoints& found);

/// Connects to the first address that answers (RFC 8305 5): starts the next attempt when the previous one has
/// failed, or kAttemptDelay after its start, and closes the losers. `limit` is for all attempts together.
/// TCP_NODELAY is set. `endpoints` must not be empty, and is at most as long as resolve() makes it, which
/// bounds the attempts. Failures, Stage::tcp: refused, unreachable, timed_out; the detail is `where` and the
/// error of the first address.
boost::asio::awaitable<Result<boost::asio::ip::tcp::socket>> connect_first(Endpoints endpoints,
                                                                           std::string where,
                                                                           std::chrono::milliseconds limit);

}  // namespace cfpipe::transport
