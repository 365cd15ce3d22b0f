#include "base/platform/own_file.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <thread>

#include "base/shortage.h"

namespace cfpipe {
namespace {

/// Pause between tries of a lock that is held: flock(2) waits without a limit, or not at all.
constexpr std::chrono::milliseconds kLockPause{2};
/// Timeout for the lock of a directory, which is only held for a few system calls.
constexpr std::chrono::milliseconds kDirectoryLock{400};

Failure foreign(const std::string& path, const char* why) {
  return {Stage::state, Cause::state_foreign_owner, path + ": " + why};
}

}  // namespace

Failure state_failure(Cause cause, const std::string& path, int error) {
  return system_failure(Stage::state, cause, path, error);
}

bool lock_unless_held(const Fd& fd) {
  return ::flock(fd.get(), LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK;
}

int lock_within(const Fd& fd, std::chrono::milliseconds limit) {
  const auto give_up = std::chrono::steady_clock::now() + limit;
  while (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    const int error = errno;
    if (error == EINTR) continue;
    if (error != EWOULDBLOCK || std::chrono::steady_clock::now() >= give_up) return error;
    std::this_thread::sleep_for(kLockPause);
  }
  return 0;
}

Fd lock_directory(const std::string& path) {
  Fd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd) (void)lock_within(fd, kDirectoryLock);
  return fd;
}

Result<std::optional<OwnFile>> open_own_file(const std::string& path, int access) {
  // O_NONBLOCK: opening a FIFO that someone put there must not hang.
  OwnFile file;
  constexpr int kFlags = O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
  file.fd = Fd(::open(path.c_str(), access | kFlags));
  const bool read_only = !file.fd && access != O_RDONLY &&
                         (errno == EACCES || errno == EROFS || errno == EPERM || errno == EISDIR);
  if (read_only) file.fd = Fd(::open(path.c_str(), O_RDONLY | kFlags));
  if (!file.fd) {
    if (errno == ENOENT) return std::optional<OwnFile>();
    if (errno == ELOOP) return foreign(path, "is a symbolic link");
    return state_failure(Cause::state_unreadable, path, errno);
  }
  if (::fstat(file.fd.get(), &file.info) != 0) return state_failure(Cause::state_unreadable, path, errno);
  if (!S_ISREG(file.info.st_mode)) {
    return Failure(Stage::state, Cause::state_unreadable, path + ": is not a plain file");
  }
  if (file.info.st_uid != ::geteuid()) return foreign(path, "belongs to another user");
  if ((file.info.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    return Failure(Stage::state, Cause::state_writable_by_others, path + ": can be written by others");
  return std::optional<OwnFile>(std::move(file));
}

Result<Secret> read_own_file(const OwnFile& file, const std::string& path) {
  const Failure too_large(Stage::state, Cause::state_unreadable, path + ": is larger than 1 MiB");
  const auto size = static_cast<std::size_t>(file.info.st_size);
  if (size > kMaxStateFileBytes) return too_large;
  // One byte more than was seen, so that growth is noticed without a second buffer holding a copy of a
  // secret.
  std::string content(size + 1, '\0');
  std::size_t filled = 0;
  for (;;) {
    const ssize_t count =
        ::pread(file.fd.get(), content.data() + filled, content.size() - filled, static_cast<off_t>(filled));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return state_failure(Cause::state_unreadable, path, errno);
    filled += static_cast<std::size_t>(count);
    if (count == 0) break;
    if (filled > kMaxStateFileBytes) return too_large;
    if (filled == content.size()) content.resize(2 * content.size());
  }
  content.resize(filled);
  return Secret(std::move(content));
}

bool still_named(const OwnFile& file, const std::string& path) {
  struct stat now {};
  return ::lstat(path.c_str(), &now) == 0 && now.st_dev == file.info.st_dev && now.st_ino == file.info.st_ino;
}

}  // namespace cfpipe
