#include "base/platform/secret_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstring>
#include <string_view>

namespace cfpipe {
namespace {

/// Where containers are handed secrets, in files that everybody in them may read.
constexpr std::string_view kRunSecrets = "/run/secrets/";

Failure unusable(const std::string& why) {
  return {Stage::config, Cause::file_unusable, why};
}

bool trusted_owner(const struct stat& info, const SecretReader& reader) {
  return info.st_uid == reader.user || info.st_uid == 0;
}

/// Whether others can put something else in the place of an entry that is ours or root's.
bool closed_directory(const struct stat& info, const SecretReader& reader) {
  const bool sticky = (info.st_mode & S_ISVTX) != 0;
  return trusted_owner(info, reader) && ((info.st_mode & (S_IWGRP | S_IWOTH)) == 0 || sticky);
}

/// Walks a path step by step, so that nothing is between the look at a step and its use.
class Walk {
 public:
  explicit Walk(const SecretReader& reader) : reader_(reader) {}

  /// The file at the end, opened for reading; nothing if a step is missing.
  Result<std::optional<Fd>> open(const std::string& path) {
    push(path);
    if (!enter(path.starts_with('/'))) return std::optional<Fd>();
    for (std::size_t steps = 0; !todo_.empty(); ++steps) {
      if (steps == kMaxSecretSteps) return unusable("has too many steps in its path");
      const std::string name = std::move(todo_.back());
      todo_.pop_back();
      auto step = take(name);
      if (!step) return step.error();
      if (*step) return std::move(*step);
      if (missing_) return std::optional<Fd>();
    }
    return unusable("is not a plain file");
  }

 private:
  void push(std::string_view path) {
    std::vector<std::string> names;
    while (!path.empty()) {
      const std::size_t end = std::min(path.find('/'), path.size());
      if (end > 0 && path.substr(0, end) != ".") names.emplace_back(path.substr(0, end));
      path.remove_prefix(std::min(end + 1, path.size()));
    }
    todo_.insert(todo_.end(), names.rbegin(), names.rend());
  }

  bool enter(bool root) {
    directory_ = Fd(::open(root ? "/" : ".", O_PATH | O_DIRECTORY | O_CLOEXEC));
    return static_cast<bool>(directory_);
  }

  /// A descriptor: the file. None: a directory was entered, a link is to be followed, or the step is missing.
  Result<std::optional<Fd>> take(const std::string& name) {
    const Fd step(::openat(directory_.get(), name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    struct stat info {};
    if (!step || ::fstat(step.get(), &info) != 0) {
      missing_ = errno == ENOENT;
      return missing_ ? Result<std::optional<Fd>>(std::optional<Fd>()) : unusable(std::strerror(errno));
    }
    if (S_ISLNK(info.st_mode)) return follow(step, info);
    if (S_ISDIR(info.st_mode)) {
      directory_ =
          Fd(::openat(directory_.get(), name.c_str(), O_PATH | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC));
      if (!directory_) return unusable(std::strerror(errno));
      return std::optional<Fd>();
    }
    if (!todo_.empty() || !S_ISREG(info.st_mode)) return unusable("is not a plain file");
    // O_NONBLOCK: should it have become a FIFO, that must not keep us waiting.
    Fd file(
        ::openat(directory_.get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (!file) return unusable(std::strerror(errno));
    return std::optional<Fd>(std::move(file));
  }

  Result<std::optional<Fd>> follow(const Fd& link, const struct stat& info) {
    if (++links_ > kMaxSecretLinks) return unusable("leads through too many links");
    if (auto fault = check(info)) return unusable(*fault);
    std::array<char, PATH_MAX> target{};
    const ssize_t size = ::readlinkat(link.get(), "", target.data(), target.size());
    if (size <= 0) return unusable(std::strerror(errno));
    const std::string_view to(target.data(), static_cast<std::size_t>(size));
    if (to.starts_with('/') && !enter(true)) return unusable(std::strerror(errno));
    push(to);
    return std::optional<Fd>();
  }

  /// What is wrong with a link on the way.
  std::optional<std::string> check(const struct stat& info) const {
    if (!trusted_owner(info, reader_)) return "leads through a link of another user's";
    struct stat holder {};
    if (::fstat(directory_.get(), &holder) != 0 || !closed_directory(holder, reader_))
      return "leads through a link in a directory that others may write";
    return std::nullopt;
  }

  const SecretReader& reader_;
  Fd directory_;
  std::vector<std::string> todo_;  ///< names of the steps that are left, the next one last
  std::size_t links_ = 0;
  bool missing_ = false;
};

bool is_below_run_secrets(const Fd& file) {
  std::array<char, PATH_MAX> name{};
  const std::string self = "/proc/self/fd/" + std::to_string(file.get());
  const ssize_t size = ::readlink(self.c_str(), name.data(), name.size());
  return size > 0 && std::string_view(name.data(), static_cast<std::size_t>(size)).starts_with(kRunSecrets);
}

}  // namespace

SecretReader SecretReader::this_process() {
  SecretReader out{::geteuid(), {::getegid()}};
  const int count = ::getgroups(0, nullptr);
  std::vector<gid_t> more(static_cast<std::size_t>(std::max(count, 0)));
  const int got = ::getgroups(count, more.data());
  if (got > 0) out.groups.insert(out.groups.end(), more.begin(), more.begin() + got);
  return out;
}

std::optional<std::string> secret_file_fault(const struct stat& info, const SecretReader& reader,
                                             bool below_run_secrets) {
  if (!S_ISREG(info.st_mode)) return "is not a plain file";
  if (!trusted_owner(info, reader)) return "belongs to another user";
  const bool roots = info.st_uid == 0;
  const bool our_group =
      std::find(reader.groups.begin(), reader.groups.end(), info.st_gid) != reader.groups.end();
  mode_t allowed = S_IRWXU;
  if (roots && our_group) allowed |= S_IRGRP;
  if (roots && below_run_secrets) allowed |= S_IRGRP | S_IROTH;
  if ((info.st_mode & ACCESSPERMS & ~allowed) != 0)
    return "may be read or written by others; make it private with chmod 600";
  return std::nullopt;
}

Result<std::optional<OwnFile>> open_secret_file(const std::string& path) {
  const SecretReader reader = SecretReader::this_process();
  auto file = Walk(reader).open(path);
  if (!file) return file.error();
  if (!*file) return std::optional<OwnFile>();
  OwnFile out{std::move(**file), {}};
  if (::fstat(out.fd.get(), &out.info) != 0) return unusable(std::strerror(errno));
  if (const auto fault = secret_file_fault(out.info, reader, is_below_run_secrets(out.fd)))
    return unusable(*fault);
  return std::optional<OwnFile>(std::move(out));
}

}  // namespace cfpipe
