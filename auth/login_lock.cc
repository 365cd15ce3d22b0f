#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdlib>

#include "auth/clock.h"
#include "auth/json.h"
#include "auth/own_file.h"
#include "auth/process_time.h"
#include "auth/token_cache.h"

namespace cfpipe::auth {
namespace {

using transport::Cause;

/// Two readings of one process's start may differ by this much, in milliseconds: boot time is in whole
/// seconds, and cloudflared computes it from the uptime inside containers.
constexpr std::int64_t kStartTolerance = 1000;
/// How often a lock that vanishes or turns out dead is tried again before it counts as held.
constexpr int kLockTries = 8;

/// What this process writes into a lock: the text cloudflared's JSON encoder makes.
std::string own_content() {
  const std::int64_t start = process_start_ms(::getpid()).value_or(0);
  return "{\"pid\":" + std::to_string(::getpid()) + ",\"start_time\":" + std::to_string(start) + "}\n";
}

std::optional<std::int64_t> integer(const boost::json::object& object, boost::json::string_view name) {
  const boost::json::value* value = object.if_contains(name);
  if (value == nullptr || !value->is_int64()) return std::nullopt;
  return value->get_int64();
}

/// True if the process that a lock names is gone. Content that names none says nothing: cloudflared of 2023
/// writes none, and that of 2026 writes it only after the file has come to be.
bool holder_is_gone(std::string_view content) {
  const auto object = parse_json_object(content);
  if (!object) return false;
  const auto pid = integer(*object, "pid");
  const auto start = integer(*object, "start_time");
  if (!pid || !start || *pid <= 0 || *pid > INT_MAX || *start < 0) return false;
  const auto process = static_cast<pid_t>(*pid);
  const auto real_start = process_start_ms(process);
  if (!real_start) {
    // Killed but not yet reaped, it would still take a signal. Only a machine without /proc has nothing
    // better to ask.
    const bool proc_works = process_start_ms(::getpid()).has_value();
    return proc_works || (::kill(process, 0) != 0 && errno == ESRCH);
  }
  return std::abs(*real_start - *start) > kStartTolerance;
}

bool is_dead(const OwnFile& file, std::string_view content) {
  const std::int64_t age = std::abs(unix_now() - std::int64_t{file.info.st_mtim.tv_sec});
  return age > LoginLock::kLockMaxAge || holder_is_gone(content);
}

/// Unlinks a lock file that was found dead, or is ours. The flock on the file itself, together with the
/// second look at the name, makes sure that of several processes that found the same file dead none removes
/// its successor.
bool remove_lock(const OwnFile& file, const std::string& path) {
  return ::flock(file.fd.get(), LOCK_EX | LOCK_NB) == 0 && still_named(file, path) &&
         ::unlink(path.c_str()) == 0;
}

enum class Found { held, gone };

/// Looks at an existing lock file and removes it if its holder is dead.
Result<Found> examine(const std::string& path) {
  const auto file = open_own_file(path);
  if (!file) return file.error();
  if (!*file) return Found::gone;
  const auto content = read_own_file(**file, path);
  if (!content) return content.error();
  if (!is_dead(**file, content->reveal())) return Found::held;
  remove_lock(**file, path);
  return Found::gone;
}

}  // namespace

Result<std::optional<LoginLock>> LoginLock::try_acquire(const StateDir& dir, std::string token_file) {
  const std::string path = dir.file(token_file + ".lock");
  std::string content = own_content();
  // Filled first and then linked into place: a lock that is seen empty would count as dead for cloudflared.
  const auto temporary = TemporaryFile::make(dir.path(), content, S_IRUSR | S_IWUSR);
  if (!temporary) return temporary.error();
  for (int i = 0; i < kLockTries; ++i) {
    if (::link(temporary->path().c_str(), path.c_str()) == 0) {
      return std::optional<LoginLock>(LoginLock(path, std::move(content)));
    }
    if (errno != EEXIST) return state_failure(Cause::state_write_failed, path, errno);
    const auto found = examine(path);
    if (!found) return found.error();
    if (*found == Found::held) break;
  }
  return std::optional<LoginLock>();
}

LoginLock::LoginLock(std::string path, std::string content)
    : path_(std::move(path)), content_(std::move(content)) {}

LoginLock::LoginLock(LoginLock&& other) noexcept
    : path_(std::exchange(other.path_, {})), content_(std::exchange(other.content_, {})) {}

LoginLock& LoginLock::operator=(LoginLock&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(content_, other.content_);
  return *this;
}

LoginLock::~LoginLock() {
  if (path_.empty()) return;
  const auto file = open_own_file(path_);
  if (!file || !*file) return;
  const auto content = read_own_file(**file, path_);
  if (content && content->reveal() == content_) remove_lock(**file, path_);
}

}  // namespace cfpipe::auth
