#include "edge/http/cookies.h"

#include <algorithm>
#include <set>

#include "base/text.h"

namespace cfpipe::edge {
namespace {

constexpr std::string_view kFetchSite = "Sec-Fetch-Site";
/// Characters of an AUD in a cookie's name: two of the applications of one edge hardly share them, and the
/// token says whose it is.
constexpr std::size_t kAudCharacters = 16;

std::string path_token_prefix() {
  return std::string(kBrowserTokenCookie) + "-";
}

/// Adds those of that name in one Cookie header.
void add_cookies(std::string_view header, std::string_view name, std::vector<std::string>& found) {
  while (!header.empty() && found.size() < kMaxSameCookies) {
    const std::size_t end = header.find(';');
    const std::string_view pair = trimmed(header.substr(0, end));
    const std::size_t equals = pair.find('=');
    if (equals != std::string_view::npos && pair.substr(0, equals) == name) {
      std::string_view value = pair.substr(equals + 1);
      if (value.size() >= 2 && value.front() == '"' && value.back() == '"')
        value = value.substr(1, value.size() - 2);
      found.emplace_back(value);
    }
    if (end == std::string_view::npos) break;
    header.remove_prefix(end + 1);
  }
}

}  // namespace

std::vector<std::string> cookies(const Request& request, std::string_view name) {
  std::vector<std::string> found;
  for (const auto& [key, value] : request.headers)
    if (same_text(key, "cookie")) add_cookies(value, name, found);
  return found;
}

std::string cookie_value(const Request& request, std::string_view name) {
  auto found = cookies(request, name);
  return found.empty() ? std::string() : std::move(found.front());
}

bool from_browser(const Request& request) {
  return !request.header(kFetchSite).empty();
}

bool led_here_from_elsewhere(const Request& request) {
  const std::string_view site = request.header(kFetchSite);
  return !site.empty() && site != "none" && site != "same-origin";
}

bool may_be_exchange(const Request& request) {
  return request.method == "HEAD" && !from_browser(request);
}

std::string browser_token_cookie(const AppName& app, std::string_view aud) {
  if (!app.has_path()) return std::string(kBrowserTokenCookie);
  return path_token_prefix().append(aud.substr(0, kAudCharacters));
}

std::string token_cookie_path(const AppName& app) {
  return app.has_path() && app.path().find('*') == std::string::npos ? app.path() : "/";
}

std::vector<std::string> path_token_cookies(const Request& request) {
  std::set<std::string> names;
  const std::string prefix = path_token_prefix();
  for (const auto& [key, value] : request.headers) {
    if (!same_text(key, "cookie")) continue;
    for (std::string_view rest = value; !rest.empty();) {
      const std::size_t end = std::min(rest.find(';'), rest.size());
      const std::string_view pair = trimmed(rest.substr(0, end));
      const std::string_view name = pair.substr(0, pair.find('='));
      const bool aud = name.size() == prefix.size() + kAudCharacters &&
                       name.find_first_not_of("0123456789abcdef", prefix.size()) == std::string_view::npos;
      if (aud && name.starts_with(prefix)) names.emplace(name);
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  }
  return {names.begin(), names.end()};
}

std::vector<std::string> token_cookies(const Request& request, std::string_view browser_cookie) {
  std::vector<std::string> tokens = cookies(request, browser_cookie);
  if (from_browser(request)) return tokens;
  for (std::string& token : cookies(request, kTokenCookie)) tokens.push_back(std::move(token));
  return tokens;
}

bool shows_session(const Request& request, std::string_view session_hash, bool exchange) {
  if (exchange && !may_be_exchange(request)) return false;
  const auto shown = cookies(request, exchange ? kSessionCookie : kBrowserSessionCookie);
  return std::any_of(shown.begin(), shown.end(), [&](const std::string& session) {
    return same_secret(hex(sha256(session)), session_hash);
  });
}

}  // namespace cfpipe::edge
