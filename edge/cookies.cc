#include "edge/cookies.h"

#include <algorithm>

#include "edge/text.h"

namespace cfpipe::edge {
namespace {

constexpr std::string_view kFetchSite = "Sec-Fetch-Site";

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

std::vector<std::string> token_cookies(const Request& request) {
  std::vector<std::string> tokens = cookies(request, kBrowserTokenCookie);
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
