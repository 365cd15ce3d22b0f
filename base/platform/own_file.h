#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/error.h"
#include "base/secret.h"

namespace cfpipe::auth {

/// Largest file that is read whole, in bytes.
inline constexpr std::size_t kMaxStateFileBytes = 1024 * 1024;

using transport::Result;
using transport::Secret;

/// Owns a file descriptor; -1 is none. Closing gives back an flock too.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

struct CloseDirectory {
  void operator()(DIR* directory) const noexcept { ::closedir(directory); }
};
using Directory = std::unique_ptr<DIR, CloseDirectory>;

/// False while another descriptor holds an flock on the file; takes it otherwise. A file system that has no
/// such locks, or not on this descriptor, is used without: true.
bool lock_unless_held(const Fd& fd);

/// Takes an exclusive flock, for which flock itself has no deadline: tried every few milliseconds until
/// `limit` has passed. 0, or the errno of the last try (EWOULDBLOCK: somebody holds it).
int lock_within(const Fd& fd, std::chrono::milliseconds limit);

/// Keeps our own processes from replacing a file in the directory between another's look at it and its
/// removal; only ever held for a few system calls. Best effort: a directory that cannot be locked (some
/// network file systems) is used without.
Fd lock_directory(const std::string& path);

/// A file of the state directory that was found to be ours alone.
struct OwnFile {
  Fd fd;
  struct stat info {};
};

/// Opens a plain file for reading (`access`: O_RDWR for writing too, which is what an exclusive flock takes
/// on NFS; where that is not allowed, for reading only); nothing if there is none. A link or someone else's
/// file is Cause::state_foreign_owner, one that others may write state_writable_by_others; what cannot be
/// opened or is no plain file is state_unreadable. The path is in detail.
Result<std::optional<OwnFile>> open_own_file(const std::string& path, int access = O_RDONLY);

/// The whole content, up to kMaxStateFileBytes.
Result<Secret> read_own_file(const OwnFile& file, const std::string& path);

/// True if `path` still names the file that `file` was opened from.
bool still_named(const OwnFile& file, const std::string& path);

/// Stage::state with `path: what errno says`; Cause::system_short in the place of `cause` where that is it.
transport::Failure state_failure(transport::Cause cause, const std::string& path, int error);

}  // namespace cfpipe::auth
