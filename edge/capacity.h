#pragma once

#include <cstddef>

namespace cfpipe::edge {

/// Connections at once, all loops together, where the system gives enough descriptors.
inline constexpr std::size_t kMaxConnections = 20'000;
/// Descriptors of a tunnel (to the client and to the origin), and those of the process beside its
/// connections: loops, database, listener, logs, name lookups.
inline constexpr std::size_t kDescriptorsPerTunnel = 2;
inline constexpr std::size_t kOwnDescriptors = 256;
/// Loops of the wire.
inline constexpr unsigned kMaxThreads = 256;

/// Raises the limit of open files as far as the system lets us. The limit now.
std::size_t raise_descriptor_limit();
/// How many connections there are descriptors for, each taken for a tunnel; kMaxConnections at most, 1 at
/// least.
std::size_t connections_for(std::size_t descriptors);
/// Processors that this process may run on, 1 to kMaxThreads.
unsigned usable_processors();

}  // namespace cfpipe::edge
