#include "auth/login/token_cache.h"

#include <functional>

#include "auth/state/login_lock.h"
#include "auth/token/jwt.h"
#include "base/text.h"

namespace cfpipe::auth {
namespace {

/// True if it is a token, but of another issuer than the application's.
bool is_foreign(std::string_view token, const Application& app) {
  const auto jwt = parse_jwt(token);
  return jwt && !issued_for(app, *jwt);
}

/// The token in a file if it passes the check; otherwise the file goes, unless it is to be kept.
Result<std::optional<Secret>> cached_token(const StateDir& dir, const std::string& name,
                                           const Application& app, IfUnusable if_unusable,
                                           const std::function<bool(std::string_view)>& usable) {
  auto content = dir.read(name);
  if (!content || !*content) return content;
  const std::string_view text = (*content)->reveal();
  const std::string_view token = trimmed(text);
  // cloudflared writes in place, so an empty file may be one that it is filling now.
  if (token.empty()) return std::optional<Secret>();
  if (usable(token)) return std::optional<Secret>(Secret(std::string(token)));
  if (if_unusable == IfUnusable::keep || is_foreign(token, app)) return std::optional<Secret>();
  LoginLock::remove_finished(dir, name);
  // A file that cannot be removed is as unusable as a missing one. Writing the next token reports the reason.
  static_cast<void>(dir.remove_if(name, text));
  return std::optional<Secret>();
}

/// True if the file of cloudflared's name holds a token of another issuer that has not expired.
Result<bool> is_taken(const StateDir& dir, const Application& app, std::int64_t now) {
  const auto content = dir.read(app_token_file(app));
  if (!content) return content.error();
  if (!*content) return false;
  const auto jwt = parse_jwt(trimmed((*content)->reveal()));
  return jwt && !issued_for(app, *jwt) && jwt->number("exp") > now;
}

}  // namespace

std::string app_token_file(const Application& app) {
  return StateDir::safe_name(app.app_hostname + '-' + app.aud + "-token");
}

std::string org_token_file(std::string_view auth_domain) {
  return StateDir::safe_name(std::string(auth_domain) + "-org-token");
}

std::string second_app_token_file(const Application& app) {
  return StateDir::safe_name(app.app_hostname + '-' + app.auth_domain + '-' + app.aud + "-token");
}

Result<std::optional<Secret>> cached_app_token(const StateDir& dir, const Application& app, std::int64_t now,
                                               IfUnusable if_unusable) {
  const auto usable = [&](std::string_view token) { return check_app_token(token, app, now).has_value(); };
  auto token = cached_token(dir, app_token_file(app), app, if_unusable, usable);
  if (!token || *token) return token;
  return cached_token(dir, second_app_token_file(app), app, if_unusable, usable);
}

Result<std::optional<Secret>> cached_org_token(const StateDir& dir, const Application& app, std::int64_t now,
                                               IfUnusable if_unusable) {
  return cached_token(dir, org_token_file(app.auth_domain), app, if_unusable,
                      [&](std::string_view token) { return check_org_token(token, app, now).has_value(); });
}

Result<void> keep_app_token(const StateDir& dir, const Application& app, const Secret& token,
                            std::int64_t now) {
  const auto taken = is_taken(dir, app, now);
  if (!taken) return taken.error();
  if (*taken) return dir.write(second_app_token_file(app), token.reveal());
  if (auto removed = dir.remove(second_app_token_file(app)); !removed) return removed;
  return dir.write(app_token_file(app), token.reveal());
}

Result<void> keep_org_token(const StateDir& dir, const Application& app, const Secret& token) {
  return dir.write(org_token_file(app.auth_domain), token.reveal());
}

Result<void> drop_app_token(const StateDir& dir, const Application& app, const Secret& rejected) {
  for (const std::string& name : {app_token_file(app), second_app_token_file(app)}) {
    const auto file = dir.read(name);
    if (!file) return file.error();
    if (!*file || trimmed((*file)->reveal()) != rejected.reveal()) continue;
    LoginLock::remove_finished(dir, name);
    if (auto removed = dir.remove(name); !removed) return removed;
  }
  return {};
}

}  // namespace cfpipe::auth
