#pragma once

#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include "transport/failure.h"
#include "transport/secret.h"

namespace cfpipe::auth {

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

/// Opens a plain file for reading; nothing if there is none. A link, someone else's file, or one that others
/// may write is Cause::state_foreign_owner; what cannot be opened or is no plain file is state_unreadable.
/// The path is in detail.
Result<std::optional<OwnFile>> open_own_file(const std::string& path);

/// The whole content, up to kMaxStateFileBytes.
Result<Secret> read_own_file(const OwnFile& file, const std::string& path);

/// Whether a file's content is on the disk before it gets its name; if not, a crash may leave it empty.
enum class Durability { none, synced };

/// A new file beside its future place: mode 0600, content on disk unless told otherwise. Removed on
/// destruction unless renamed by then.
class TemporaryFile {
 public:
  static Result<TemporaryFile> make(const std::string& directory, std::string_view content, unsigned mode,
                                    Durability durability = Durability::synced);
  TemporaryFile(TemporaryFile&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  TemporaryFile& operator=(TemporaryFile&&) = delete;
  ~TemporaryFile();
  const std::string& path() const { return path_; }

 private:
  explicit TemporaryFile(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

/// True if `path` still names the file that `file` was opened from.
bool still_named(const OwnFile& file, const std::string& path);

/// Stage::state with `path: what errno says`.
transport::Failure state_failure(transport::Cause cause, const std::string& path, int error);

}  // namespace cfpipe::auth
