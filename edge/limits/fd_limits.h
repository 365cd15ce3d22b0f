#pragma once

#include <cstddef>

namespace cfpipe::edge {

/// Connections at once, all loops together, where the system gives enough descriptors.
inline constexpr std::size_t kMaxConnections = 20'000;
/// Descriptors of a tunnel (to the client and to the origin), and those of the process beside its
/// connections: loops, database, listener, logs, name lookups.
inline constexpr std::size_t kDescriptorsPerTunnel = 2;
inline constexpr std::size_t kOwnDescriptors = 256;
/// Worker threads.
inline constexpr unsigned kMaxThreads = 256;

/// How many connections there are descriptors for, each taken for a tunnel; kMaxConnections at most, 1 at
/// least.
std::size_t connections_for(std::size_t descriptors);
/// Connections that one address may have at once where the configuration does not say:
/// kConnectionsPerAddress, or a quarter of `connections` if that is less.
inline constexpr std::size_t kConnectionsPerAddress = 2'000;
std::size_t preset_per_address(std::size_t connections);
/// Processors that this process may run on, 1 to kMaxThreads.
unsigned usable_processors();

}  // namespace cfpipe::edge
