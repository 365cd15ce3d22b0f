#include "edge/limits/fd_limits.h"

#include <sched.h>

#include <algorithm>

namespace cfpipe::edge {

std::size_t connections_for(std::size_t descriptors) {
  const std::size_t free = descriptors - std::min(descriptors, kOwnDescriptors);
  return std::clamp<std::size_t>(free / kDescriptorsPerTunnel, 1, kMaxConnections);
}

std::size_t preset_per_address(std::size_t connections) {
  return std::clamp<std::size_t>(connections / 4, 1, kConnectionsPerAddress);
}

unsigned usable_processors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  // More processors than the set has room for is the one way to fail.
  if (::sched_getaffinity(0, sizeof set, &set) != 0) return kMaxThreads;
  return std::clamp<unsigned>(static_cast<unsigned>(CPU_COUNT(&set)), 1, kMaxThreads);
}

}  // namespace cfpipe::edge
