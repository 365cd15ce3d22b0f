#include "auth/own_file.h"

#include <fcntl.h>
#include <openssl/rand.h>
#include <sys/file.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <system_error>
#include <thread>

#include "auth/base64.h"
#include "auth/state_dir.h"

namespace cfpipe::auth {
namespace {

using transport::Cause;
using transport::Failure;
using transport::Stage;

/// Bytes of chance in a temporary file's name.
constexpr std::size_t kNameBytes = 9;
/// How long apart a lock that somebody holds is tried: flock(2) waits without a limit, or not at all.
constexpr std::chrono::milliseconds kLockPause{2};
/// Patience with the lock of a directory, which is only held for a few system calls.
constexpr std::chrono::milliseconds kDirectoryLock{400};

Failure foreign(const std::string& path, const char* why) {
  return {Stage::state, Cause::state_foreign_owner, path + ": " + why};
}

std::optional<std::string> random_name() {
  std::array<unsigned char, kNameBytes> bytes{};
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) return std::nullopt;
  return ".cfpipe-" + base64url({reinterpret_cast<const char*>(bytes.data()), bytes.size()}) + ".tmp";
}

/// False with errno set.
bool write_all(int fd, std::string_view content) {
  while (!content.empty()) {
    const ssize_t count = ::write(fd, content.data(), content.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    content.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

}  // namespace

Failure state_failure(Cause cause, const std::string& path, int error) {
  return {Stage::state, cause, path + ": " + std::generic_category().message(error)};
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

Result<std::optional<OwnFile>> open_own_file(const std::string& path) {
  // O_NONBLOCK: opening a FIFO that someone put there must not hang.
  OwnFile file;
  file.fd = Fd(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
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
  if ((file.info.st_mode & (S_IWGRP | S_IWOTH)) != 0) return foreign(path, "can be written by others");
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

Result<TemporaryFile> TemporaryFile::make(const std::string& directory, std::string_view content,
                                          unsigned mode, Durability durability) {
  const auto name = random_name();
  if (!name) return Failure(Stage::state, Cause::state_write_failed, directory + ": no random numbers");
  std::string path = directory + '/' + *name;
  const Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR));
  if (!fd) return state_failure(Cause::state_write_failed, directory, errno);
  TemporaryFile file(std::move(path));
  if (!write_all(fd.get(), content) || ::fchmod(fd.get(), static_cast<mode_t>(mode)) != 0 ||
      (durability == Durability::synced && ::fsync(fd.get()) != 0)) {
    return state_failure(Cause::state_write_failed, directory, errno);
  }
  return file;
}

TemporaryFile::~TemporaryFile() {
  // After a rename there is nothing of this name any more; the name is random, so nobody else can have taken
  // it.
  if (!path_.empty()) ::unlink(path_.c_str());
}

bool still_named(const OwnFile& file, const std::string& path) {
  struct stat now {};
  return ::lstat(path.c_str(), &now) == 0 && now.st_dev == file.info.st_dev && now.st_ino == file.info.st_ino;
}

}  // namespace cfpipe::auth
