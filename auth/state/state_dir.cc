#include "auth/state/state_dir.h"

#include <fcntl.h>
#include <pwd.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>

#include "base/clock.h"
#include "base/platform/own_file.h"

namespace cfpipe::auth {
namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

std::string home() {
  std::string path = environment("HOME");
  if (!path.empty()) return path;
  const passwd* entry = ::getpwuid(::geteuid());
  return entry == nullptr || entry->pw_dir == nullptr ? std::string() : std::string(entry->pw_dir);
}

Failure unusable_name(Cause cause) {
  return {Stage::state, cause, "unusable file name"};
}

/// Empty: there is no home directory.
std::string wanted_path() {
  std::string path = environment("CFPIPE_HOME");
  if (!path.empty()) return path;
  path = home();
  return path.empty() ? path : path + "/.cloudflared";
}

}  // namespace

Result<StateDir> StateDir::open() {
  std::string path = wanted_path();
  if (path.empty()) return Failure(Stage::state, Cause::state_write_failed, "there is no home directory");
  return at(std::move(path));
}

StateDir StateDir::missing() {
  std::string path = wanted_path();
  return StateDir(path.empty() ? "/nonexistent/.cloudflared" : std::move(path));
}

Result<StateDir> StateDir::at(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  if (::mkdir(path.c_str(), S_IRWXU) != 0 && errno != EEXIST) {
    return state_failure(Cause::state_write_failed, path, errno);
  }
  struct stat info {};
  const Fd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const int error = errno;
  // Whose it is comes first: another user's private directory cannot be opened, and that is not what to say
  // about it.
  if (::stat(path.c_str(), &info) != 0) return state_failure(Cause::state_unreadable, path, errno);
  if (S_ISDIR(info.st_mode) && info.st_uid != ::geteuid()) {
    return Failure(Stage::state, Cause::state_foreign_owner, path + ": belongs to another user");
  }
  if (!fd) return state_failure(Cause::state_unreadable, path, error);
  if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return Failure(Stage::state, Cause::state_writable_by_others, path + ": can be written by others");
  }
  return StateDir(std::move(path));
}

std::string StateDir::safe_name(std::string_view name) {
  if (name == "." || name == "..") return {};
  std::string out(name);
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return {};
    if (c == '/' || c == '*') c = '-';
  }
  return out;
}

std::string StateDir::file(std::string_view name) const {
  const std::string safe = safe_name(name);
  return safe.empty() ? safe : path_ + '/' + safe;
}

Result<std::optional<Secret>> StateDir::read(std::string_view name) const {
  const std::string where = file(name);
  if (where.empty()) return unusable_name(Cause::state_unreadable);
  const auto opened = open_own_file(where);
  if (!opened) return opened.error();
  if (!*opened) return std::optional<Secret>();
  auto content = read_own_file(**opened, where);
  if (!content) return content.error();
  return std::optional<Secret>(std::move(*content));
}

Result<std::optional<Secret>> StateDir::take(std::string_view name) const {
  auto content = read(name);
  if (!content || !*content) return content;
  // Of all who have read it, one finds it still there to be removed.
  if (::unlink(file(name).c_str()) == 0) return content;
  if (errno != ENOENT) return state_failure(Cause::state_write_failed, file(name), errno);
  return std::optional<Secret>();
}

Result<void> StateDir::write(std::string_view name, std::string_view content, unsigned mode,
                             Durability durability) const {
  const std::string where = file(name);
  if (where.empty()) return unusable_name(Cause::state_write_failed);
  auto temporary = TemporaryFile::make(path_, content, mode, durability);
  if (!temporary) return temporary.error();
  const Fd lock = lock_directory(path_);
  if (const int error = temporary->replace(where); error != 0)
    return state_failure(Cause::state_write_failed, where, error);
  return {};
}

Result<void> StateDir::remove(std::string_view name) const {
  const std::string where = file(name);
  if (where.empty()) return unusable_name(Cause::state_write_failed);
  if (::unlink(where.c_str()) != 0 && errno != ENOENT) {
    return state_failure(Cause::state_write_failed, where, errno);
  }
  return {};
}

Result<void> StateDir::remove_if(std::string_view name, std::string_view content) const {
  const Fd lock = lock_directory(path_);
  const auto current = read(name);
  if (!current) return current.error();
  if (!*current || (*current)->reveal() != content) return {};
  return remove(name);
}

std::optional<std::int64_t> StateDir::age(std::string_view name) const {
  struct stat info {};
  const std::string where = file(name);
  if (where.empty() || ::lstat(where.c_str(), &info) != 0) return std::nullopt;
  return std::abs(unix_now() - std::int64_t{info.st_mtim.tv_sec});
}

Result<std::vector<std::string>> StateDir::list(std::string_view suffix) const {
  std::vector<std::string> names;
  const Directory dir(::opendir(path_.c_str()));
  if (!dir) return state_failure(Cause::state_unreadable, path_, errno);
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(dir.get());
    if (entry == nullptr && errno != 0) return state_failure(Cause::state_unreadable, path_, errno);
    if (entry == nullptr) break;
    const std::string_view name(entry->d_name);
    struct stat info {};
    if (!name.ends_with(suffix)) continue;
    if (::fstatat(::dirfd(dir.get()), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) == 0) {
      if (S_ISREG(info.st_mode)) names.emplace_back(name);
    } else if (errno != ENOENT) {
      return state_failure(Cause::state_unreadable, file(name), errno);
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace cfpipe::auth
