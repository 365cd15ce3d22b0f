#include "base/platform/temporary_file.h"

#include <fcntl.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <utility>

#include "base/base64.h"
#include "base/clock.h"

namespace cfpipe {
namespace {

constexpr std::string_view kPrefix = ".cfp-";
/// As releases before this scheme called theirs.
constexpr std::string_view kOldPrefix = ".cfpipe-";
/// Bytes of chance in a name: eight characters.
constexpr std::size_t kNameBytes = 6;
/// How often another name is tried, where one is taken or was swept away the moment it was made.
constexpr int kNameTries = 16;
/// A file is copied in pieces of this many bytes.
constexpr std::size_t kCopyBytes = 16 * 1024;
constexpr mode_t kOwnerOnly = S_IRUSR | S_IWUSR;

/// 0 or an errno.
int write_all(int fd, std::string_view content) {
  while (!content.empty()) {
    const ssize_t count = ::write(fd, content.data(), content.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno;
    content.remove_prefix(static_cast<std::size_t>(count));
  }
  return 0;
}

/// 0 or an errno.
int copy_all(int from, int to) {
  std::array<char, kCopyBytes> bytes{};
  for (off_t at = 0;;) {
    const ssize_t count = ::pread(from, bytes.data(), bytes.size(), at);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return count < 0 ? errno : 0;
    const int error = write_all(to, {bytes.data(), static_cast<std::size_t>(count)});
    if (error != 0) return error;
    at += count;
  }
}

/// File systems without modes refuse to change one, which does no harm where the file grants no more than was
/// wanted. 0 or an errno.
int set_mode(int fd, unsigned mode) {
  struct stat info {};
  if (::fstat(fd, &info) != 0) return errno;
  const unsigned now = info.st_mode & 07777U;
  if (now == mode || ::fchmod(fd, static_cast<mode_t>(mode)) == 0) return 0;
  const int error = errno;
  return (error == EPERM || error == ENOTSUP) && (now & 077U & ~mode) == 0 ? 0 : error;
}

/// Some file systems have nothing to flush and say so with EINVAL. 0 or an errno.
int flush(int fd) {
  return ::fsync(fd) == 0 || errno == EINVAL || errno == ENOSYS ? 0 : errno;
}

/// Another name for one file: some file systems have none, and one moves the only name instead.
bool has_no_links(int error) {
  return error == EPERM || error == EOPNOTSUPP || error == ENOSYS || error == EMLINK;
}

/// 0 or an errno. Where the kernel or the file system cannot rename without replacing, the place is taken by
/// an empty file first.
int rename_to_free(const std::string& from, const std::string& to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return 0;
  if (errno != EINVAL && errno != ENOSYS) return errno;
  const Fd claim(::open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, kOwnerOnly));
  if (!claim) return errno;
  if (::rename(from.c_str(), to.c_str()) == 0) return 0;
  const int error = errno;
  ::unlink(to.c_str());
  return error;
}

bool is_ours_to_sweep(const struct stat& info) {
  return info.st_uid == ::geteuid() && (S_ISREG(info.st_mode) || S_ISSOCK(info.st_mode));
}

/// A socket cannot be locked, on some file systems nothing can, and earlier releases locked nothing.
bool is_stale(const std::string& path, const struct stat& info, bool may_be_locked) {
  if (std::abs(unix_now() - std::int64_t{info.st_mtim.tv_sec}) > kTemporaryMaxAge) return true;
  if (!may_be_locked || !S_ISREG(info.st_mode)) return false;
  OwnFile file{Fd(::open(path.c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)), info};
  return file.fd && ::flock(file.fd.get(), LOCK_EX | LOCK_NB) == 0 && still_named(file, path);
}

}  // namespace

std::string temporary_name() {
  std::array<unsigned char, kNameBytes> bytes{};
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) return {};
  return std::string(kPrefix) + base64url({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

TemporaryFile::TemporaryFile(std::string directory, unsigned mode, Durability durability)
    : directory_(std::move(directory)), mode_(mode), durability_(durability) {}

TemporaryFile::TemporaryFile(TemporaryFile&& other) noexcept
    : directory_(std::move(other.directory_)),
      mode_(other.mode_),
      durability_(other.durability_),
      fd_(std::move(other.fd_)),
      name_(std::exchange(other.name_, {})),
      nameless_(other.nameless_) {}

TemporaryFile::~TemporaryFile() {
  if (!name_.empty()) ::unlink(name_.c_str());
}

Result<TemporaryFile> TemporaryFile::make(const std::string& directory, std::string_view content,
                                          unsigned mode, Durability durability) {
  TemporaryFile file(directory, mode, durability);
  int error = file.open_nameless() == 0 ? 0 : file.open_named();
  if (error == 0) error = file.fill(content);
  if (error != 0) return state_failure(Cause::state_write_failed, directory, error);
  return file;
}

int TemporaryFile::open_nameless() {
  fd_ = Fd(::open(directory_.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, kOwnerOnly));
  nameless_ = static_cast<bool>(fd_);
  return fd_ ? 0 : errno;
}

// A sweep that comes between the making of the file and its lock takes it for one of the dead.
int TemporaryFile::open_named() {
  for (int i = 0; i < kNameTries; ++i) {
    const std::string name = temporary_name();
    if (name.empty()) return EIO;
    const std::string path = directory_ + '/' + name;
    Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, kOwnerOnly));
    if (!fd && errno == EEXIST) continue;
    if (!fd) return errno;
    name_ = path;
    (void)::flock(fd.get(), LOCK_EX | LOCK_NB);
    struct stat info {};
    if (::fstat(fd.get(), &info) == 0 && info.st_nlink == 0) continue;
    fd_ = std::move(fd);
    return 0;
  }
  return EEXIST;
}

int TemporaryFile::fill(std::string_view content) const {
  int error = write_all(fd_.get(), content);
  if (error == 0) error = set_mode(fd_.get(), mode_);
  if (error == 0 && durability_ == Durability::synced) error = flush(fd_.get());
  return error;
}

int TemporaryFile::link_to(const std::string& path) const {
  const std::string self = "/proc/self/fd/" + std::to_string(fd_.get());
  return ::linkat(AT_FDCWD, self.c_str(), AT_FDCWD, path.c_str(), AT_SYMLINK_FOLLOW) == 0 ? 0 : errno;
}

// Before it replaces something, and where it cannot be linked without one (no /proc), the file needs a name.
int TemporaryFile::take_a_name() {
  if (!name_.empty()) return 0;
  for (int i = 0; i < kNameTries; ++i) {
    const std::string name = temporary_name();
    if (name.empty()) return EIO;
    const std::string path = directory_ + '/' + name;
    (void)::flock(fd_.get(), LOCK_EX | LOCK_NB);
    const int error = link_to(path);
    if (error == EEXIST) continue;
    if (error != 0) break;
    name_ = path;
    return 0;
  }
  const Fd content = std::exchange(fd_, Fd());
  if (const int error = open_named(); error != 0) return error;
  nameless_ = false;
  const int error = copy_all(content.get(), fd_.get());
  return error == 0 ? fill({}) : error;
}

int TemporaryFile::replace(const std::string& path) {
  if (nameless_ && name_.empty() && link_to(path) == 0) return 0;
  if (const int error = take_a_name(); error != 0) return error;
  if (::rename(name_.c_str(), path.c_str()) != 0) return errno;
  name_.clear();
  return 0;
}

int TemporaryFile::place(const std::string& path) {
  if (nameless_ && name_.empty()) {
    const int error = link_to(path);
    if (error == 0 || error == EEXIST) return error;
  }
  if (const int error = take_a_name(); error != 0) return error;
  int error = ::link(name_.c_str(), path.c_str()) == 0 ? 0 : errno;
  if (!has_no_links(error)) return error;
  error = rename_to_free(name_, path);
  if (error == 0) name_.clear();
  return error;
}

int TemporaryFile::place_locked(const std::string& path, Fd& held) {
  int error = lock_within(fd_, std::chrono::milliseconds(0));
  if (error == 0) error = place(path);
  if (error == 0) held = std::move(fd_);
  return error;
}

void sweep_temporary_files(const std::string& directory) {
  const Directory dir(::opendir(directory.c_str()));
  int removed = 0;
  for (int i = 0; dir && i < kSweepEntries && removed < kSweepRemovals; ++i) {
    const dirent* entry = ::readdir(dir.get());
    if (entry == nullptr) return;
    const std::string_view name(entry->d_name);
    const bool current = name.starts_with(kPrefix);
    if (!current && !name.starts_with(kOldPrefix)) continue;
    const std::string path = directory + '/' + entry->d_name;
    struct stat info {};
    const bool sweep =
        ::lstat(path.c_str(), &info) == 0 && is_ours_to_sweep(info) && is_stale(path, info, current);
    if (sweep && ::unlink(path.c_str()) == 0) ++removed;
  }
}

}  // namespace cfpipe
