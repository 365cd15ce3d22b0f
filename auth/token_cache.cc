#include "auth/token_cache.h"

#include "auth/jwt.h"
#include "auth/login_lock.h"

namespace cfpipe::auth {
namespace {

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const std::size_t last = text.find_last_not_of(kSpace);
  if (last == std::string_view::npos) return {};
  text = text.substr(0, last + 1);
  return text.substr(text.find_first_not_of(kSpace));
}

/// The token in a file if `usable` says so; otherwise the file goes, unless it is to be kept.
template <class Usable>
Result<std::optional<Secret>> cached_token(const StateDir& dir, const std::string& name,
                                           IfUnusable if_unusable, const Usable& usable) {
  auto content = dir.read(name);
  if (!content || !*content) return content;
  const std::string_view text = (*content)->reveal();
  const std::string_view token = trimmed(text);
  // cloudflared writes in place, so an empty file may be one that it is filling now.
  if (token.empty()) return std::optional<Secret>();
  if (usable(token)) return std::optional<Secret>(Secret(std::string(token)));
  if (if_unusable == IfUnusable::keep) return std::optional<Secret>();
  LoginLock::remove_finished(dir, name);
  // A file that cannot be removed is as unusable as one that is gone, and whoever writes the next token will
  // say why.
  static_cast<void>(dir.remove_if(name, text));
  return std::optional<Secret>();
}

}  // namespace

std::string app_token_file(const Application& app) {
  return StateDir::safe_name(app.app_hostname + '-' + app.aud + "-token");
}

std::string org_token_file(std::string_view auth_domain) {
  return StateDir::safe_name(std::string(auth_domain) + "-org-token");
}

Result<std::optional<Secret>> cached_app_token(const StateDir& dir, const Application& app, std::int64_t now,
                                               IfUnusable if_unusable) {
  return cached_token(dir, app_token_file(app), if_unusable, [&](std::string_view token) {
    return check_app_token(token, app.aud, now).has_value();
  });
}

Result<std::optional<Secret>> cached_org_token(const StateDir& dir, std::string_view auth_domain,
                                               std::int64_t now, IfUnusable if_unusable) {
  return cached_token(dir, org_token_file(auth_domain), if_unusable, [&](std::string_view token) {
    const auto jwt = parse_jwt(token);
    return jwt && jwt->number("exp") > now;
  });
}

}  // namespace cfpipe::auth
