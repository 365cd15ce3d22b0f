#include "auth/state/login_lock.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdlib>

#include "base/clock.h"
#include "base/json.h"
#include "base/platform/process_time.h"
#include "base/platform/temporary_file.h"

namespace cfpipe::auth {
namespace {

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

/// The process that a lock names. Content may name none: cloudflared of 2023 writes none, and that of 2026
/// writes it only after the file has come to be.
struct Holder {
  pid_t pid = 0;
  std::int64_t start = 0;
};

std::optional<Holder> holder_of(std::string_view content) {
  const auto object = parse_json_object(content);
  if (!object) return std::nullopt;
  const auto pid = integer(*object, "pid");
  const auto start = integer(*object, "start_time");
  if (!pid || !start || *pid <= 0 || *pid > INT_MAX || *start < 0) return std::nullopt;
  return Holder{static_cast<pid_t>(*pid), *start};
}

bool is_gone(const Holder& holder) {
  const auto real_start = process_start_ms(holder.pid);
  if (!real_start) {
    // Killed but not yet reaped, it would still take a signal. Only a machine without /proc has nothing
    // better to ask.
    const bool proc_works = process_start_ms(::getpid()).has_value();
    return proc_works || (::kill(holder.pid, 0) != 0 && errno == ESRCH);
  }
  return std::abs(*real_start - holder.start) > kStartTolerance;
}

bool is_dead(const OwnFile& file, std::string_view content) {
  const std::int64_t age = std::abs(unix_now() - std::int64_t{file.info.st_mtim.tv_sec});
  if (age > LoginLock::kLockMaxAge) return true;
  const auto holder = holder_of(content);
  return holder ? is_gone(*holder) : age > LoginLock::kNamelessMaxAge;
}

/// Whether this process may remove or replace a lock file that is dead or ours. Of several processes that
/// found the same file dead, none may do that to its successor: the flock on the file and a second check of
/// the name see to that. Without flock only the second check does.
bool may_take(const OwnFile& file, const std::string& path) {
  return lock_unless_held(file.fd) && still_named(file, path);
}

/// What stands in the way of making a lock file: nothing, or a file that is dead, or one that is held.
struct Obstacle {
  std::optional<OwnFile> file;
  bool dead = false;
};

Result<Obstacle> look_at(const std::string& path) {
  auto file = open_own_file(path, O_RDWR);
  if (!file) return file.error();
  Obstacle obstacle;
  if (!*file) return obstacle;
  const auto content = read_own_file(**file, path);
  if (!content) return content.error();
  obstacle.dead = is_dead(**file, content->reveal());
  obstacle.file = std::move(**file);
  return obstacle;
}

/// Puts our file in the lock's place. False if another process was quicker.
Result<bool> put_into_place(TemporaryFile& ours, const std::string& path, const Obstacle& obstacle) {
  if (obstacle.file && !may_take(*obstacle.file, path)) return false;
  const int error = obstacle.file ? ours.replace(path) : ours.place(path);
  if (error == 0) return true;
  if (error == EEXIST) return false;
  return state_failure(Cause::state_write_failed, path, error);
}

/// How a login ends that brings nothing, as the lock's last words have it.
struct Ending {
  std::string_view word;
  Cause cause;
};
constexpr std::array kEndings{Ending{"cancelled", Cause::login_cancelled},
                              Ending{"timed out", Cause::login_timed_out},
                              Ending{"failed", Cause::login_failed}};

std::string last_words(std::string_view ended, const std::string& detail) {
  return ",\"ended\":\"" + std::string(ended) +
         "\",\"detail\":" + boost::json::serialize(boost::json::value(detail));
}

}  // namespace

std::optional<Failure> OtherLock::last_words() const {
  const auto content = read_own_file(file_, "");
  const auto object = content ? parse_json_object(content->reveal()) : std::nullopt;
  if (!object) return std::nullopt;
  const std::string word = text_of(*object, "ended");
  for (const auto& ending : kEndings)
    if (ending.word == word)
      return Failure(Stage::login, ending.cause, printable(text_of(*object, "detail")));
  return std::nullopt;
}

std::optional<Failure> OtherLock::ended() const {
  auto failure = last_words();
  if (!failure) return failure;
  const std::string where = "in the process that was logging in";
  failure->detail = failure->detail.empty() ? where : where + ": " + failure->detail;
  return failure;
}

Result<std::optional<LoginLock>> LoginLock::try_acquire(const StateDir& dir, std::string token_file,
                                                        std::optional<OtherLock>* other) {
  const std::string path = dir.file(token_file + ".lock");
  std::string content;
  std::optional<TemporaryFile> temporary;
  for (int i = 0; i < kLockTries; ++i) {
    auto obstacle = look_at(path);
    if (!obstacle) return obstacle.error();
    if (obstacle->file && !obstacle->dead) {
      if (other != nullptr) other->emplace(std::move(*obstacle->file));
      break;
    }
    if (!temporary) {
      // Filled first and then put into place: a lock that is seen empty would count as dead for cloudflared.
      content = own_content();
      auto made = TemporaryFile::make(dir.path(), content, S_IRUSR | S_IWUSR);
      if (!made) return made.error();
      temporary.emplace(std::move(*made));
    }
    const auto placed = put_into_place(*temporary, path, *obstacle);
    if (!placed) return placed.error();
    if (*placed) return std::optional<LoginLock>(LoginLock(path, std::move(content)));
  }
  return std::optional<LoginLock>();
}

void LoginLock::remove_finished(const StateDir& dir, const std::string& token_file) {
  const std::string path = dir.file(token_file + ".lock");
  const auto lock = open_own_file(path, O_RDWR);
  const auto token = open_own_file(dir.file(token_file));
  if (!lock || !*lock || !token || !*token) return;
  const auto time_of = [](const OwnFile& file) {
    return std::pair(file.info.st_mtim.tv_sec, file.info.st_mtim.tv_nsec);
  };
  if (time_of(**lock) <= time_of(**token) && may_take(**lock, path)) ::unlink(path.c_str());
}

LoginLock::LoginLock(std::string path, std::string content)
    : path_(std::move(path)), content_(std::move(content)), last_words_(last_words("cancelled", {})) {}

LoginLock::LoginLock(LoginLock&& other) noexcept
    : path_(std::exchange(other.path_, {})),
      content_(std::exchange(other.content_, {})),
      last_words_(std::exchange(other.last_words_, {})) {}

LoginLock& LoginLock::operator=(LoginLock&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(content_, other.content_);
  std::swap(last_words_, other.last_words_);
  return *this;
}

void LoginLock::failed(const Failure& failure) {
  for (const auto& ending : kEndings) {
    if (ending.cause == failure.cause) last_words_ = last_words(ending.word, failure.detail);
    if (ending.cause == failure.cause) return;
  }
  last_words_ = last_words("failed", failure.detail);
}

void LoginLock::repeat(const OtherLock& other) {
  if (const auto words = other.last_words()) failed(*words);
}

/// Adds the last words to our own file, in one write, before its closing brace.
void LoginLock::say(const OwnFile& file) const {
  const Fd fd(::open(path_.c_str(), O_WRONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
  struct stat opened {};
  if (!fd || ::fstat(fd.get(), &opened) != 0 || opened.st_ino != file.info.st_ino) return;
  const std::size_t brace = content_.rfind('}');
  const std::string more = last_words_ + content_.substr(brace);
  // Best effort: those who wait and cannot read it log in themselves.
  (void)!::pwrite(fd.get(), more.data(), more.size(), static_cast<off_t>(brace));
}

LoginLock::~LoginLock() {
  if (path_.empty()) return;
  const auto file = open_own_file(path_, O_RDWR);
  if (!file || !*file) return;
  const auto content = read_own_file(**file, path_);
  if (!content || content->reveal() != content_ || !may_take(**file, path_)) return;
  if (!last_words_.empty()) say(**file);
  ::unlink(path_.c_str());
}

}  // namespace cfpipe::auth
