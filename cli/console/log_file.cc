#include "cli/console/log_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>

#include "base/shortage.h"

namespace cfpipe::cli {
namespace {

Fd open_at(const std::string& path) {
  Fd fd(::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0600));
  if (!fd) return fd;
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode)) return fd;
  if (status.st_uid != ::geteuid()) {
    errno = EPERM;  // whose it is may read it, whatever its mode
    return {};
  }
  (void)!::fchmod(fd.get(), 0600);
  return fd;
}

/// Of errors the open that follows will tell.
void make_directories(const std::string& path) {
  for (auto slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1)) {
    (void)::mkdir(path.substr(0, slash).c_str(), S_IRWXU);
  }
}

std::string directory_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

Result<LogFile> LogFile::open(std::string path, bool rolls) {
  Fd fd = open_at(path);
  if (!fd && errno == ENOENT) {
    make_directories(path);
    fd = open_at(path);
  }
  if (!fd) return system_failure(Stage::config, Cause::state_write_failed, path, errno);
  return LogFile(std::move(path), rolls, std::move(fd));
}

/// Of the processes that find the file full one sets it aside; the others find another file there when it is
/// their turn, and go on in that.
void LogFile::roll() {
  const Fd turn = lock_directory(directory_of(path_));
  struct stat mine {
  }, there{};
  if (::fstat(fd_.get(), &mine) != 0) return;
  const bool still_there =
      ::lstat(path_.c_str(), &there) == 0 && there.st_dev == mine.st_dev && there.st_ino == mine.st_ino;
  for (int number = kLogsKept; still_there && number > 0; --number) {
    const std::string from = number == 1 ? path_ : path_ + "." + std::to_string(number - 1);
    (void)std::rename(from.c_str(), (path_ + "." + std::to_string(number)).c_str());
  }
  if (Fd next = open_at(path_)) fd_ = std::move(next);
}

void LogFile::append(std::string_view line) {
  struct stat status {};
  if (rolls_ && ::fstat(fd_.get(), &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0 &&
      status.st_size + static_cast<off_t>(line.size()) > kLogRollBytes) {
    roll();
  }
  (void)!::write(fd_.get(), line.data(), line.size());
}

}  // namespace cfpipe::cli
