#include "auth/application.h"

#include <algorithm>

namespace cfpipe::auth {
namespace {

using transport::Cause;
using transport::Failure;
using transport::kHttpsPort;
using transport::printable;
using transport::Stage;

/// What every auth domain of Cloudflare's own edge ends with.
constexpr std::string_view kAccessSuffix = ".cloudflareaccess.com";

bool is_cloudflares(const transport::Authority& domain) {
  return domain.host.text().ends_with(kAccessSuffix);
}

/// Of Cloudflare's own domains a port is dropped, as the public client does: the store is at 443.
std::string kept_form(const transport::Authority& domain) {
  return is_cloudflares(domain) ? domain.host.text() : domain.text_without(kHttpsPort);
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

void TrustedDomains::add(std::string_view domain) {
  if (auto parsed = transport::Authority::parse(domain)) extra_.push_back(std::move(*parsed));
}

Result<void> TrustedDomains::check(std::string_view auth_domain) const {
  const auto named = transport::Authority::parse(auth_domain);
  if (!named) return Failure(Stage::application, Cause::untrusted_auth_domain, printable(auth_domain));
  return check(*named);
}

Result<void> TrustedDomains::check(const transport::Authority& auth_domain) const {
  const auto names_it = [&](const transport::Authority& entry) {
    return entry.host == auth_domain.host && (!entry.port || *entry.port == auth_domain.port_or(kHttpsPort));
  };
  if (is_cloudflares(auth_domain) || std::any_of(extra_.begin(), extra_.end(), names_it)) return {};
  return Failure(Stage::application, Cause::untrusted_auth_domain, auth_domain.text());
}

Result<std::string> claimed_auth_domain(const Jwt& metadata, const TrustedDomains& trusted) {
  const std::string domain = metadata.text("auth_domain");
  if (domain.empty()) return wrong("auth_domain", "is missing");
  const auto parsed = transport::Authority::parse(domain);
  if (!parsed) return Failure(Stage::application, Cause::untrusted_auth_domain, printable(domain));
  if (const auto checked = trusted.check(*parsed); !checked) return checked.error();
  return kept_form(*parsed);
}

Result<Application> verify_metadata(const Jwt& metadata, const KeySet& keys, const transport::Host& host,
                                    const TrustedDomains& trusted, std::int64_t now) {
  auto auth_domain = claimed_auth_domain(metadata, trusted);
  if (!auth_domain) return auth_domain.error();
  if (!keys.verifies(metadata)) {
    return Failure(Stage::application, Cause::metadata_invalid,
                   "signature does not verify under the keys of " + *auth_domain);
  }
  if (metadata.text("type") != "match") return wrong("type", "is not \"match\"");
  const std::string hostname = metadata.text("hostname");
  if (const auto named = transport::Host::parse(hostname); !named || !(*named == host)) {
    return wrong("hostname", "is \"" + printable(hostname) + "\", not \"" + host.text() + '"');
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
