#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "auth/application.h"
#include "auth/state_dir.h"

namespace cfpipe::auth {

std::string app_token_file(const Application& app);        ///< `<app_hostname>-<AUD>-token`
std::string org_token_file(std::string_view auth_domain);  ///< `<auth_domain>-org-token`

/// The cached app token if it is good at `now`; an expired, malformed or foreign one is removed.
Result<std::optional<Secret>> cached_app_token(const StateDir& dir, const Application& app, std::int64_t now);
Result<std::optional<Secret>> cached_org_token(const StateDir& dir, std::string_view auth_domain,
                                               std::int64_t now);

/// The login lock beside a token file, understood by cloudflared of 2023 (any file) and 2026 (JSON with pid
/// and start_time). Made in one step, content and all; a holder is dead if its pid is gone, its start time
/// differs by more than a second, or the file is older than kLockMaxAge. Content that names no process counts
/// as a living holder until then. Released (if still ours) on destruction. (login_lock.cc)
class LoginLock {
 public:
  /// Seconds after which a lock file is stale whoever holds it.
  static constexpr std::int64_t kLockMaxAge = 600;
  /// Tries once: nothing if another living process holds it.
  static Result<std::optional<LoginLock>> try_acquire(const StateDir& dir, std::string token_file);
  LoginLock(LoginLock&&) noexcept;
  LoginLock& operator=(LoginLock&&) noexcept;
  ~LoginLock();

 private:
  LoginLock(std::string path, std::string content);
  std::string path_;
  std::string content_;
};

}  // namespace cfpipe::auth
