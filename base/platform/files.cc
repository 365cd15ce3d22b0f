#include "base/platform/files.h"

#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <utility>

#include "base/platform/own_file.h"
#include "base/platform/temporary_file.h"

namespace cfpipe {
namespace {

Failure failed(const std::string& path, const std::string& what, Cause cause = Cause::state_unreadable) {
  return {Stage::state, cause, path + ": " + what};
}

Failure write_failed(const std::string& path) {
  return failed(path, std::strerror(errno), Cause::state_write_failed);
}

std::string directory_of(const std::string& path) {
  const std::string directory = std::filesystem::path(path).parent_path().string();
  return directory.empty() ? "." : directory;
}

bool directory_flushed(const std::string& path) {
  const Fd directory(::open(directory_of(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return directory && ::fsync(directory.get()) == 0;
}

}  // namespace

Failure foreign_directory(const std::string& path, const struct stat& info) {
  const passwd* entry = ::getpwuid(info.st_uid);
  const std::string owner = entry != nullptr ? entry->pw_name : "user " + std::to_string(info.st_uid);
  return {Stage::state, Cause::state_foreign_owner,
          path + " belongs to " + owner + "; run this as root (sudo), or as " + owner};
}

Result<void> prepare_state_dir(const std::string& path) {
  std::error_code error;
  const std::filesystem::path parent = std::filesystem::absolute(path, error).parent_path();
  std::filesystem::create_directories(parent, error);
  if (::mkdir(path.c_str(), 0700) == 0) return {};
  if (errno != EEXIST) return write_failed(path);
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return failed(path, std::strerror(errno));
  if (!S_ISDIR(info.st_mode)) return failed(path, "is not a directory");
  if (info.st_uid != ::geteuid()) return foreign_directory(path, info);
  sweep_temporary_files(path);
  if ((info.st_mode & 077) == 0) return {};
  // A directory that other users use, too (/tmp, a home), is not made 0700.
  if ((info.st_mode & S_ISVTX) != 0 || !std::filesystem::is_empty(path, error) || error)
    return failed(path, "is open to other users and not empty; make it private with chmod 700");
  if (::chmod(path.c_str(), 0700) != 0) return write_failed(path);
  return {};
}

Result<NewFile> NewFile::make(const std::string& path) {
  Fd file(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR));
  if (!file) return write_failed(path);
  return NewFile(path, std::move(file));
}

NewFile::NewFile(NewFile&& other) noexcept
    : path_(std::exchange(other.path_, std::string())), file_(std::move(other.file_)) {}

NewFile::~NewFile() {
  if (!path_.empty()) ::unlink(path_.c_str());
}

Result<void> NewFile::keep() {
  if (::fsync(file_.get()) != 0 || !directory_flushed(path_)) return write_failed(path_);
  path_.clear();
  return {};
}

Result<void> replace_file(const std::string& path, std::string_view content, unsigned mode) {
  auto made = TemporaryFile::make(directory_of(path), content, mode);
  if (!made) return made.error();
  if (const int error = made->replace(path); error != 0)
    return state_failure(Cause::state_write_failed, path, error);
  (void)directory_flushed(path);
  return {};
}

Result<std::optional<std::string>> read_file(const std::string& path) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
  if (file.get() < 0) {
    if (errno == ENOENT) return std::optional<std::string>();
    return failed(path, std::strerror(errno));
  }
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) return failed(path, std::strerror(errno));
  if (!S_ISREG(info.st_mode)) return failed(path, "is not a plain file");
  if (info.st_uid != ::geteuid()) return failed(path, "belongs to another user", Cause::state_foreign_owner);
  if ((info.st_mode & 022) != 0) return failed(path, "can be written by others", Cause::state_foreign_owner);
  std::string content(kMaxKeyFileBytes, '\0');
  std::size_t length = 0;
  while (length < content.size()) {
    const ssize_t got = ::read(file.get(), content.data() + length, content.size() - length);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed(path, std::strerror(errno));
    if (got == 0) break;
    length += static_cast<std::size_t>(got);
  }
  if (length == content.size()) return failed(path, "is too large");
  content.resize(length);
  return std::optional<std::string>(std::move(content));
}

}  // namespace cfpipe
