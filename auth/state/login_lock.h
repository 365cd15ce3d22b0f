#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "auth/state/state_dir.h"
#include "base/platform/own_file.h"

namespace cfpipe::auth {

/// A login lock that another process holds. Kept open, so that what that process says at its end can be read
/// when the file has gone.
class OtherLock {
 public:
  explicit OtherLock(OwnFile file) : file_(std::move(file)) {}
  /// How the login under it came to nothing, if its holder lived to say so: Stage::login, login_cancelled,
  /// login_timed_out or login_failed. A holder that was killed, and cloudflared, say nothing.
  std::optional<transport::Failure> ended() const;

 private:
  friend class LoginLock;
  std::optional<transport::Failure> last_words() const;  ///< as its holder said them
  OwnFile file_;
};

/// The login lock beside a token file, understood by cloudflared of 2023 (any file) and 2026 (JSON with pid
/// and start_time). Made in one step, content and all; a holder is dead if its pid is gone, its start time
/// differs by more than a second, or the file is older than kLockMaxAge; content that names no process (the
/// holder has not come to it yet, never does, as cloudflared of 2023, or was killed in between) counts for
/// kNamelessMaxAge. Released (if still ours) on destruction.
class LoginLock {
 public:
  /// Seconds after which a lock file is stale whoever holds it.
  static constexpr std::int64_t kLockMaxAge = 600;
  static constexpr std::int64_t kNamelessMaxAge = 5;
  /// Tries once: nothing if another living process holds it, and then that one's lock in `other`, if asked
  /// for. Writes nothing while it is held. A dead lock is replaced in one step, so that nobody takes it for
  /// one that was released.
  static Result<std::optional<LoginLock>> try_acquire(const StateDir& dir, std::string token_file,
                                                      std::optional<OtherLock>* other = nullptr);
  /// For whoever is about to remove a token: a lock that is older than the token is of the login that brought
  /// it. cloudflared leaves it behind, and seems to be logging in as long as it runs.
  static void remove_finished(const StateDir& dir, const std::string& token_file);
  LoginLock(LoginLock&&) noexcept;
  LoginLock& operator=(LoginLock&&) noexcept;
  ~LoginLock();

  /// What those who wait for this login are told when the lock is released. Until one of these is called,
  /// that it was cancelled.
  void succeeded() { last_words_.clear(); }
  void failed(const transport::Failure& failure);
  /// The same as `other`, which has ended: for whoever took its place only to go as well, and may have been
  /// seen there.
  void repeat(const OtherLock& other);

 private:
  LoginLock(std::string path, std::string content);
  void say(const OwnFile& file) const;
  std::string path_;
  std::string content_;
  std::string last_words_;  ///< members of the lock's JSON object, each with a comma before it; or empty
};

}  // namespace cfpipe::auth
