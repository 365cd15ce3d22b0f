#pragma once

#include <chrono>

namespace cfpipe::connector {

/// A connection to the edge sends a PING after kPingEvery without a byte from the edge, and is over after
/// kPeerDead without one; then the system gives it up too (TCP_USER_TIMEOUT).
inline constexpr std::chrono::milliseconds kPingEvery{5'000};
inline constexpr std::chrono::milliseconds kPeerDead{10'000};
/// How long the edge may take to answer once the network has changed, or this machine has woken up.
inline constexpr std::chrono::milliseconds kCheckLimit{3'000};

}  // namespace cfpipe::connector
