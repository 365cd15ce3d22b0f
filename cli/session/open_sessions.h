#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace cfpipe::cli {

/// Longest command line of a process that is read, in bytes; what is longer is not listed.
inline constexpr std::size_t kMaxCommandLineBytes = 64 * 1024;

/// A tunnel, or a listener for tunnels, that a process of this user carries.
struct OpenSession {
  int process = 0;
  std::int64_t since = 0;   ///< start of the process, Unix seconds
  std::string application;  ///< host and path; empty if the process was told by its environment
  std::string user;         ///< the account that ssh logs in to (--user), or empty
  std::string listens;      ///< listener mode: the address as it was given
};

/// The sessions of this user's other processes with the name of this program, oldest first. Linux: read from
/// `proc` (proc(5)), which shows none where it hides processes (hidepid).
std::vector<OpenSession> open_sessions(const std::string& proc = "/proc");

}  // namespace cfpipe::cli
