#include "auth/agent/socket.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/platform/temporary_file.h"

namespace cfpipe::auth {

namespace {

/// Connections that wait to be accepted.
constexpr int kBacklog = 64;
/// How many temporary names are tried.
constexpr int kNameTries = 16;
/// What a temporary name may be shortened to where a socket's path has no room for more, in bytes.
constexpr std::size_t kMinNameBytes = 7;
constexpr mode_t kOwnerOnly = S_IRUSR | S_IWUSR;

Failure failure(const std::string& path, int error) {
  return state_failure(Cause::state_write_failed, path, error);
}

/// Of FAT, SMB and AFS.
Failure no_sockets_there(const std::string& path, int error) {
  Failure refused = failure(path, error);
  refused.detail +=
      ", a file system without sockets? Have ssh-config write the block again: it takes $XDG_RUNTIME_DIR "
      "then, and --style match or another CFPIPE_HOME does without";
  return refused;
}

/// A name in the directory of `path` that is hard to guess.
std::string name_beside(const std::string& path) {
  const std::string directory = directory_of(path) + '/';
  const std::string name = directory + temporary_name();
  return name.substr(0, std::max(kMaxSocketPath, directory.size() + kMinNameBytes));
}

/// Removes a temporary name unless it has been renamed to what it was for.
class TemporaryName {
 public:
  TemporaryName() = default;
  explicit TemporaryName(std::string path) : path_(std::move(path)) {}
  TemporaryName(TemporaryName&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  TemporaryName& operator=(TemporaryName&& other) noexcept {
    std::swap(path_, other.path_);
    return *this;
  }
  ~TemporaryName() {
    if (!path_.empty()) ::unlink(path_.c_str());
  }
  const std::string& path() const { return path_; }
  void keep() { path_.clear(); }

 private:
  std::string path_;
};

sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::copy(path.begin(), path.end(), address.sun_path);
  return address;
}

Result<TemporaryName> bind_temporary(int fd, const std::string& path) {
  for (int i = 0; i < kNameTries; ++i) {
    const std::string name = name_beside(path);
    if (std::max(name.size(), path.size()) > kMaxSocketPath) return failure(path, ENAMETOOLONG);
    const auto address = address_of(name);
    if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0)
      return TemporaryName(name);
    if (errno == EPERM || errno == EOPNOTSUPP) return no_sockets_there(path, errno);
    if (errno != EADDRINUSE) return failure(path, errno);
  }
  return failure(path, EADDRINUSE);
}

/// What must not be replaced: a mistyped path may name a key, or anything.
Result<void> check_replaceable(const std::string& path) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) {
    if (errno == ENOENT) return {};
    return failure(path, errno);
  }
  if (info.st_uid != ::geteuid()) return Failure(Stage::state, Cause::state_foreign_owner, path);
  if (!S_ISSOCK(info.st_mode)) return failure(path, ENOTSOCK);
  return {};
}

/// Whether a process listens on the socket. ECONNREFUSED means none; a full queue (EAGAIN) means one.
bool has_listener(const std::string& path) {
  const Fd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const auto address = address_of(path);
  return ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 ||
         (errno != ECONNREFUSED && errno != ENOENT);
}

bool rename_to_free(const std::string& from, const std::string& to) {
  return ::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0;
}

}  // namespace

std::string directory_of(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return path.substr(0, std::max<std::size_t>(slash, 1));
}

bool can_hold_sockets(const std::string& directory) {
  const Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  return fd && bind_temporary(fd.get(), directory + "/s").has_value();
}

bool nothing_at(const std::string& path) {
  struct stat info {};
  return ::lstat(path.c_str(), &info) != 0 && errno == ENOENT;
}

Result<OwnSocket> listen_own_socket(const std::string& path, IfTaken if_taken) {
  if (const auto free = check_replaceable(path); !free) return free.error();
  const std::string directory = directory_of(path);
  if (::mkdir(directory.c_str(), S_IRWXU) != 0 && errno != EEXIST) return failure(directory, errno);

  OwnSocket socket;
  socket.fd = Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.fd) return failure(path, errno);
  // The mode of the descriptor is the mode bind() makes the file with. Since listen() comes last, no other
  // user can connect at any moment.
  if (::fchmod(socket.fd.get(), kOwnerOnly) != 0) return failure(path, errno);
  auto name = bind_temporary(socket.fd.get(), path);
  if (!name) return name.error();
  struct stat info {};
  if (::chmod(name->path().c_str(), kOwnerOnly) != 0 || ::lstat(name->path().c_str(), &info) != 0 ||
      ::listen(socket.fd.get(), kBacklog) != 0)
    return failure(path, errno);
  socket.device = info.st_dev;
  socket.inode = info.st_ino;

  const Fd held = lock_directory(directory_of(path));
  if (if_taken == IfTaken::replace_dead && has_listener(path)) return failure(path, EADDRINUSE);
  const bool renamed = if_taken == IfTaken::leave ? rename_to_free(name->path(), path)
                                                  : ::rename(name->path().c_str(), path.c_str()) == 0;
  if (!renamed) return failure(path, errno);
  name->keep();
  return socket;
}

bool names_own_socket(const std::string& path, dev_t device, ino_t inode) {
  struct stat info {};
  return ::lstat(path.c_str(), &info) == 0 && info.st_dev == device && info.st_ino == inode;
}

void remove_own_socket(const std::string& path, dev_t device, ino_t inode) {
  const Fd held = lock_directory(directory_of(path));
  if (names_own_socket(path, device, inode)) ::unlink(path.c_str());
}

bool same_user(int connected_socket) {
  ucred peer{};
  socklen_t size = sizeof(peer);
  return ::getsockopt(connected_socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
         peer.uid == ::geteuid();
}

}  // namespace cfpipe::auth
