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

namespace cfpipe {

/// Largest file of the state directory, in bytes.
inline constexpr std::size_t kMaxStateFileBytes = 1024 * 1024;

/// Owner of a file descriptor; -1 is none. Closing it releases an flock, too.
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

/// Takes an exclusive flock; false if another descriptor holds it. True without a lock where the file system
/// has none for this descriptor.
bool lock_unless_held(const Fd& fd);

/// Takes an exclusive flock within `limit`; tries every few milliseconds, since flock(2) has no timeout.
/// Returns 0, or the errno of the last try (EWOULDBLOCK if another descriptor holds the lock).
int lock_within(const Fd& fd, std::chrono::milliseconds limit);

/// Lock of a directory, held for a few system calls: no process of ours replaces a file between another one's
/// check and removal of it. Empty where the directory cannot be locked (some network file systems).
Fd lock_directory(const std::string& path);

/// An open file of the state directory that belongs to this user and that no other user may write.
struct OwnFile {
  Fd fd;
  struct stat info {};
};

/// Opens a plain file; nothing if there is none. `access` O_RDWR, which an exclusive flock needs on NFS,
/// falls back to O_RDONLY where the mode does not allow it. Causes: state_foreign_owner for a symlink or a
/// file of another user, state_writable_by_others, state_unreadable if it cannot be opened or is no plain
/// file. The path is in detail.
Result<std::optional<OwnFile>> open_own_file(const std::string& path, int access = O_RDONLY);

/// The whole content, at most kMaxStateFileBytes.
Result<Secret> read_own_file(const OwnFile& file, const std::string& path);

/// Whether `path` still names the file that `file` was opened from.
bool still_named(const OwnFile& file, const std::string& path);

/// A failure of Stage::state with the detail `<path>: <text of errno>`; Cause::system_short instead of
/// `cause` if `error` is a shortage.
Failure state_failure(Cause cause, const std::string& path, int error);

}  // namespace cfpipe
