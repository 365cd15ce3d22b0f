#include "auth/application.h"

#include <algorithm>
#include <charconv>
#include <optional>

namespace cfpipe::auth {
namespace {

using transport::Cause;
using transport::Failure;
using transport::printable;
using transport::Stage;

/// What every auth domain of Cloudflare's own edge ends with.
constexpr std::string_view kAccessSuffix = ".cloudflareaccess.com";
/// Bounds of a host name and of one label in it, in bytes (RFC 1035 2.3.4).
constexpr std::size_t kMaxHostBytes = 253;
constexpr std::size_t kMaxLabelBytes = 63;

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = lower(c);
  return out;
}

bool is_label(std::string_view label) {
  const auto allowed = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; };
  return !label.empty() && label.size() <= kMaxLabelBytes && label.front() != '-' && label.back() != '-' &&
         std::all_of(label.begin(), label.end(), allowed);
}

bool is_host(std::string_view host) {
  if (host.size() > kMaxHostBytes) return false;
  for (;;) {
    const std::size_t dot = host.find('.');
    if (!is_label(host.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return true;
    host.remove_prefix(dot + 1);
  }
}

bool is_port(std::string_view port) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), value);
  return error == std::errc() && end == port.data() + port.size() && value >= 1 && value <= 65535 &&
         port.front() != '0';
}

/// `host[:port]`, lower case.
struct Authority {
  std::string host;
  std::string port;
};

std::optional<Authority> parse_authority(std::string_view text) {
  const std::size_t colon = text.find(':');
  Authority result;
  result.host = lower(text.substr(0, colon));
  if (!is_host(result.host)) return std::nullopt;
  if (colon == std::string_view::npos) return result;
  result.port = text.substr(colon + 1);
  if (!is_port(result.port)) return std::nullopt;
  return result;
}

Failure wrong(std::string_view claim, std::string_view how) {
  return {Stage::application, Cause::metadata_invalid, std::string(claim) + ' ' + std::string(how)};
}

Failure bad_token(std::string why) {
  return {Stage::token, Cause::token_invalid, std::move(why)};
}

Result<void> check_issue_time(std::int64_t iat, std::int64_t now) {
  if (iat <= 0) return wrong("iat", "is missing");
  if (iat < now - kMetadataMaxAge) return wrong("iat", "is more than 24 hours ago");
  if (iat > now + kMetadataMaxSkew) return wrong("iat", "is more than 5 minutes ahead");
  return {};
}

}  // namespace

void TrustedDomains::add(std::string domain) {
  extra_.push_back(lower(domain));
}

Result<void> TrustedDomains::check(std::string_view auth_domain) const {
  const auto named = parse_authority(auth_domain);
  if (named) {
    if (named->host.ends_with(kAccessSuffix)) return {};
    for (const std::string& entry : extra_) {
      const auto trusted = parse_authority(entry);
      if (trusted && trusted->host == named->host &&
          (trusted->port.empty() || trusted->port == named->port)) {
        return {};
      }
    }
  }
  return Failure(Stage::application, Cause::untrusted_auth_domain, printable(auth_domain));
}

Result<std::string> claimed_auth_domain(const Jwt& metadata, const TrustedDomains& trusted) {
  const std::string domain = metadata.text("auth_domain");
  if (domain.empty()) return wrong("auth_domain", "is missing");
  if (const auto checked = trusted.check(domain); !checked) return checked.error();
  return lower(domain);
}

Result<Application> verify_metadata(const Jwt& metadata, const KeySet& keys, std::string_view host,
                                    const TrustedDomains& trusted, std::int64_t now) {
  auto auth_domain = claimed_auth_domain(metadata, trusted);
  if (!auth_domain) return auth_domain.error();
  if (!keys.verifies(metadata)) {
    return Failure(Stage::application, Cause::metadata_invalid,
                   "signature does not verify under the keys of " + *auth_domain);
  }
  if (metadata.text("type") != "match") return wrong("type", "is not \"match\"");
  const std::string hostname = metadata.text("hostname");
  if (hostname.empty() || lower(hostname) != lower(host)) {
    return wrong("hostname", "is \"" + printable(hostname) + "\", not \"" + printable(host) + '"');
  }
  // One audience names the application; with several it would be a guess which.
  const auto audience = metadata.audience();
  if (audience.size() != 1 || audience.front().empty()) return wrong("aud", "does not name one application");
  if (const auto issued = check_issue_time(metadata.number("iat"), now); !issued) return issued.error();
  Application app;
  app.auth_domain = std::move(*auth_domain);
  app.aud = audience.front();
  app.app_hostname = metadata.text("app_hostname");
  if (app.app_hostname.empty()) app.app_hostname = hostname;
  return app;
}

Result<Jwt> check_app_token(std::string_view compact, std::string_view aud, std::int64_t now) {
  auto jwt = parse_jwt(compact);
  if (!jwt) return jwt;
  if (jwt->number("exp") <= now) return bad_token("token has expired");
  const auto audience = jwt->audience();
  if (std::find(audience.begin(), audience.end(), aud) == audience.end()) {
    return bad_token("token is for another application");
  }
  return jwt;
}

}  // namespace cfpipe::auth
