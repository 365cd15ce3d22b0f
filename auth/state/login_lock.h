#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "auth/state/state_dir.h"
#include "base/platform/own_file.h"

namespace cfpipe::auth {

/// A login lock of another process. The file stays open, so that the result can be read after it was removed.
class OtherLock {
 public:
  explicit OtherLock(OwnFile file) : file_(std::move(file)) {}
  /// The failure of the login under it, if its process has recorded one: Stage::login, login_cancelled,
  /// login_timed_out or login_failed. A killed process, and cloudflared, record nothing.
  std::optional<Failure> ended() const;

 private:
  friend class LoginLock;
  std::optional<Failure> last_words() const;  ///< as its holder said them
  OwnFile file_;
};

/// The login lock beside a token file, understood by cloudflared of 2023 (any file) and 2026 (JSON with pid
/// and start_time). Made in one step, content and all; a holder is dead if its pid is gone, its start time
/// differs by more than a second, or the file is older than kLockMaxAge; content that names no process (the
/// holder has not come to it yet, never does, as cloudflared of 2023, or was killed in between) counts for
/// kNamelessMaxAge. Released (if still ours) on destruction.
class LoginLock {
 public:
  /// Age in seconds at which every lock file is stale.
  static constexpr std::int64_t kLockMaxAge = 600;
  static constexpr std::int64_t kNamelessMaxAge = 5;
  /// Tries once: nothing if another living process holds it, whose lock is then in `other`, if given. Writes
  /// nothing while it is held. A dead lock is replaced atomically, so that no process takes it for a released
  /// one.
  static Result<std::optional<LoginLock>> try_acquire(const StateDir& dir, std::string token_file,
                                                      std::optional<OtherLock>* other = nullptr);
  /// Removes a lock that is older than the token, before that is removed: it is of the login that brought the
  /// token. cloudflared leaves it behind, and seems to be logging in as long as it runs.
  static void remove_finished(const StateDir& dir, const std::string& token_file);
  LoginLock(LoginLock&&) noexcept;
  LoginLock& operator=(LoginLock&&) noexcept;
  ~LoginLock();

  /// Sets the result that processes waiting for this login get when the lock is released. Default: cancelled.
  void succeeded() { last_words_.clear(); }
  void failed(const Failure& failure);
  /// The result of `other`, which has ended: for a process that took its place and ends without a login.
  void repeat(const OtherLock& other);

 private:
  LoginLock(std::string path, std::string content);
  void say(const OwnFile& file) const;
  std::string path_;
  std::string content_;
  std::string last_words_;  ///< members of the lock's JSON object, each with a comma before it; or empty
};

}  // namespace cfpipe::auth
