#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "base/host.h"

namespace cfpipe::cli {

/// The longest user name that room is kept for in the path of an agent's socket, in bytes; what useradd
/// takes. Names of directories can be longer: the account's own counts if it is.
inline constexpr std::size_t kMaxUserBytes = 32;

/// Directories that may hold the sockets of agents.
struct SocketPlaces {
  std::string state_dir;
  bool state_holds_sockets = true;  ///< FAT, SMB, AFS and the like hold none
  std::string runtime_dir = {};     ///< $XDG_RUNTIME_DIR, or empty
  std::size_t user_bytes = kMaxUserBytes;

  /// As they are now on this machine.
  static SocketPlaces look(const std::string& state_dir);
};

/// A path, its name with tokens of ssh's (`%r`, `%h`), its directory without. ssh and this program are both
/// told it by the same block of ssh_config.
struct AgentSocket {
  std::string directory;
  std::string name;
};

/// Where the agent for a host, or the hosts of a pattern, has its socket: in the state directory, or below
/// the runtime directory where that cannot hold one or has no room for its path. Where a whole name has no
/// room (neither ssh nor the system takes a longer path) the host's is shortened to its start and a number
/// made of all of it, and that of the user left out at last. Nothing if there is no room anywhere.
std::optional<AgentSocket> agent_socket(const SocketPlaces& places, const Host& host);

}  // namespace cfpipe::cli
