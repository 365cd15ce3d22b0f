#pragma once

#include <sys/types.h>
#include <sys/un.h>

#include <optional>
#include <string>

#include "base/platform/own_file.h"

namespace cfpipe::auth {

/// Longest path of a Unix-domain socket, in bytes, without the final zero. ssh has the same bound.
inline constexpr std::size_t kMaxSocketPath = sizeof(sockaddr_un::sun_path) - 1;

/// A listening Unix-domain socket and its inode: a later process may have put its own at the same path.
struct OwnSocket {
  Fd fd;  ///< non-blocking; while it is open the inode number is not given to another file
  dev_t device = 0;
  ino_t inode = 0;
};

/// What to do with a socket of this user that exists at the path: replace it even if a process listens on it,
/// replace it only if no process does, or leave it.
enum class IfTaken { replace, replace_dead, leave };

/// Creates a socket (0600 whatever the umask) beside `path` and renames it, so that the path never names a
/// socket without a listener. Fails if `path` is anything but a socket of this user, or one that `if_taken`
/// does not allow to replace. Stage::state, the path in detail.
Result<OwnSocket> listen_own_socket(const std::string& path, IfTaken if_taken);

/// Whether a socket can be created in that directory; tries it.
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
