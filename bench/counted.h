#pragma once

#include <cstddef>
#include <functional>

namespace cfpipe::bench {

/// Runs `work` inside the one function whose instructions callgrind collects: everything outside, such as the
/// peer that a scenario plays, costs nothing. scripts/counts names that function to callgrind.
void count(const std::function<void()>& work);

/// Bytes of one MiB, the unit of what is pumped.
inline constexpr std::size_t kMiB = 1024 * 1024;

enum class Side { client, edge };

/// The real relay between the side's local descriptors and its WebSocket over TLS, all on socket pairs in
/// this one thread, so that every run reads and writes the same pieces. Counted is our side alone, with its
/// event loop; standard streams are pipes, an origin is a socket. Throw when nothing moves any more.
void pump_to_peer(Side side, std::size_t mebibytes);
void pump_from_peer(Side side, std::size_t mebibytes);
/// A byte to the peer, and one back.
void echo_keystrokes(Side side, std::size_t keystrokes);

}  // namespace cfpipe::bench
