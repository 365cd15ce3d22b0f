#pragma once

#include <sys/types.h>
#include <sys/un.h>

#include <optional>
#include <string>

#include "base/platform/own_file.h"

namespace cfpipe::auth {

/// The longest path of a socket, in bytes: what fits into its address together with the final zero. ssh has
/// the same bound.
inline constexpr std::size_t kMaxSocketPath = sizeof(sockaddr_un::sun_path) - 1;

/// A listening Unix-domain socket, and which file it is: a later process may have put its own at the same
/// path.
struct OwnSocket {
  Fd fd;  ///< non-blocking; while it is open the inode number is not given to another file
  dev_t device = 0;
  ino_t inode = 0;
};

/// What becomes of a socket of this user's that is at the path already: it is replaced, also under somebody
/// who listens on it; it is replaced only if nobody does; it is left.
enum class IfTaken { replace, replace_dead, leave };

/// Makes a socket (0600 whatever the umask) beside `path` and renames it there, so that the path never names
/// a socket nobody listens on. What is there already must be a socket of this user's: anything else is a
/// failure, as is a socket that is not to be replaced. Stage::state, the path in detail.
Result<OwnSocket> listen_own_socket(const std::string& path, IfTaken if_taken);

/// True if a socket can be made in that directory, which is tried.
bool can_hold_sockets(const std::string& directory);

/// True if nothing is at `path`.
bool nothing_at(const std::string& path);

/// True if `path` still names `socket`.
bool names_own_socket(const std::string& path, dev_t device, ino_t inode);
/// Removes `path` if it still names `socket`. Call it before the socket is closed.
void remove_own_socket(const std::string& path, dev_t device, ino_t inode);

/// True if the process at the other end runs as this user (SO_PEERCRED: as whom it connected).
bool same_user(int connected_socket);

/// Directory part of a path; `.` if there is none.
std::string directory_of(const std::string& path);

}  // namespace cfpipe::auth
