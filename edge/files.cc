#include "edge/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "auth/own_file.h"
#include "auth/temporary_file.h"

namespace cfpipe::edge {
namespace {

transport::Failure failed(const std::string& path, const std::string& what,
                          transport::Cause cause = transport::Cause::state_unreadable) {
  return {transport::Stage::state, cause, path + ": " + what};
}

transport::Failure write_failed(const std::string& path) {
  return failed(path, std::strerror(errno), transport::Cause::state_write_failed);
}

}  // namespace

Result<void> prepare_state_dir(const std::string& path) {
  std::error_code error;
  const std::filesystem::path parent = std::filesystem::absolute(path, error).parent_path();
  std::filesystem::create_directories(parent, error);
  if (::mkdir(path.c_str(), 0700) == 0) return {};
  if (errno != EEXIST) return write_failed(path);
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return failed(path, std::strerror(errno));
  if (!S_ISDIR(info.st_mode)) return failed(path, "is not a directory");
  if (info.st_uid != ::geteuid())
    return failed(path, "belongs to another user", transport::Cause::state_foreign_owner);
  auth::sweep_temporary_files(path);
  if ((info.st_mode & 077) == 0) return {};
  // Somebody else's directory that happens to be named here (/tmp, a home) must not be closed behind their
  // back.
  if ((info.st_mode & S_ISVTX) != 0 || !std::filesystem::is_empty(path, error) || error)
    return failed(path, "is open to other users and not empty; make it private with chmod 700");
  if (::chmod(path.c_str(), 0700) != 0) return write_failed(path);
  return {};
}

Result<void> replace_file(const std::string& path, std::string_view content, unsigned mode) {
  std::string directory = std::filesystem::path(path).parent_path().string();
  if (directory.empty()) directory = ".";
  auto made = auth::TemporaryFile::make(directory, content, mode);
  if (!made) return made.error();
  if (const int error = made->replace(path); error != 0)
    return auth::state_failure(transport::Cause::state_write_failed, path, error);
  const auth::Fd dir(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (dir.get() >= 0) ::fsync(dir.get());
  return {};
}

Result<std::optional<std::string>> read_file(const std::string& path) {
  const auth::Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
  if (file.get() < 0) {
    if (errno == ENOENT) return std::optional<std::string>();
    return failed(path, std::strerror(errno));
  }
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) return failed(path, std::strerror(errno));
  if (!S_ISREG(info.st_mode)) return failed(path, "is not a plain file");
  if (info.st_uid != ::geteuid())
    return failed(path, "belongs to another user", transport::Cause::state_foreign_owner);
  if ((info.st_mode & 022) != 0)
    return failed(path, "can be written by others", transport::Cause::state_foreign_owner);
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

}  // namespace cfpipe::edge
