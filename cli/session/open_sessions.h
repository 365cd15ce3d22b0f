#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/options/options.h"

namespace cfpipe::cli {

/// Longest command line of a process that is read, in bytes; what is longer is not listed.
inline constexpr std::size_t kMaxCommandLineBytes = 64 * 1024;

/// What a process tells of its tunnels.
struct TunnelCounts {
  int open = 0;                     ///< all that stand, with or without a connection
  int detached = 0;                 ///< of these: without a connection, which is dialled anew
  std::int64_t detached_since = 0;  ///< Unix seconds, of the one that has been without for longest; 0: none
  std::int64_t resumed = 0;         ///< how many times a tunnel of the process got another connection
  bool operator==(const TunnelCounts&) const = default;
};

/// A tunnel, or a listener for tunnels, that a process of this user carries.
struct OpenSession {
  int process = 0;
  std::int64_t since = 0;               ///< start of the process, Unix seconds
  std::string application;              ///< host and path; empty if the process was told by its environment
  std::string user;                     ///< the account that ssh logs in to (--user), or empty
  std::string listens;                  ///< listener mode: the address as it was given
  std::string destination;              ///< behind the application (--destination), or empty
  std::optional<TunnelCounts> tunnels;  ///< nothing: the process has not told
  bool operator==(const OpenSession&) const = default;
};

/// The session of a process with these options, but for the process and its start.
OpenSession session_of(const Options& options);

/// The sessions of this user's other processes with the name of this program, oldest first. Linux: read from
/// `proc` (proc(5)), which shows none where it hides processes (hidepid).
std::vector<OpenSession> open_sessions(const std::string& proc = "/proc");

/// `told` by the processes themselves, and of those that were `seen` running the ones that have told nothing;
/// oldest first.
std::vector<OpenSession> merged_sessions(std::vector<OpenSession> told, std::vector<OpenSession> seen);

}  // namespace cfpipe::cli
