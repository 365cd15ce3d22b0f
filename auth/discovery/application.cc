#include "auth/discovery/application.h"

#include <algorithm>

#include "auth/discovery/cloudflare.h"
#include "auth/ssh/key_type_claim.h"
#include "base/name_pattern.h"
#include "base/text.h"

namespace cfpipe::auth {
namespace {

constexpr std::string_view kHttps = "https://";

/// Of Cloudflare's own domains a port is dropped, as the public client does: the store is at 443.
std::string kept_form(const Authority& domain) {
  return is_cloudflares(domain.host.text()) ? domain.host.text() : domain.text_without(kHttpsPort);
}

Failure wrong(std::string_view claim, std::string_view how) {
  return {Stage::application, Cause::metadata_invalid, std::string(claim) + ' ' + std::string(how)};
}

Failure bad_token(std::string why) {
  return {Stage::token, Cause::token_invalid, std::move(why)};
}

/// Why a claim is no time.
std::string_view no_time(const Jwt& token, std::string_view claim) {
  const auto* value = token.claims.if_contains({claim.data(), claim.size()});
  if (value == nullptr) return "is missing";
  return value->is_number() ? "is no time" : "is not a number";
}

Result<void> check_issue_time(const Jwt& metadata, std::int64_t now) {
  const std::int64_t iat = metadata.number("iat");
  if (iat <= 0) return wrong("iat", no_time(metadata, "iat"));
  if (iat < now - kMetadataMaxAge) return wrong("iat", "is more than 24 hours ago");
  if (iat > now + kMetadataMaxSkew) return wrong("iat", "is more than 5 minutes ahead");
  return {};
}

/// A token that is well formed, of the application's issuer, and not expired.
Result<Jwt> check_token(std::string_view compact, const Application& app, std::int64_t now) {
  auto jwt = parse_jwt(compact);
  if (!jwt) return jwt;
  if (!issued_for(app, *jwt)) {
    return bad_token("token was issued by " + printable(jwt->text("iss")) + ", not by " + app.auth_domain);
  }
  const std::int64_t exp = jwt->number("exp");
  if (exp <= 0) return bad_token("token's exp " + std::string(no_time(*jwt, "exp")));
  if (exp <= now) return bad_token("token has expired");
  return jwt;
}

}  // namespace

bool is_aud(std::string_view text) {
  return text.size() == kAudCharacters && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

bool covers(std::string_view app_hostname, const transport::Url& url) {
  const auto slash = std::min(app_hostname.find('/'), app_hostname.size());
  const auto host = app_hostname.substr(0, slash);
  if (host.empty() || !host_matches(lower(host), url.host.text())) return false;
  auto path = app_hostname.substr(slash);
  while (path.ends_with('/')) path.remove_suffix(1);
  return path.empty() || path_matches(path, url.path());
}

bool fits(const Application& app, const transport::Url& url) {
  return is_aud(app.aud) && covers(app.app_hostname, url);
}

bool issued_for(const Application& app, const Jwt& token) {
  const std::string text = token.text("iss");
  if (!text.starts_with(kHttps)) return false;
  const auto issuer = transport::parse_url(text);
  const auto domain = transport::parse_url(app.auth_domain);
  return issuer && domain && issuer->host == domain->host && issuer->target == "/" &&
         (app.any_port || issuer->port == domain->port);
}

void TrustedDomains::add(std::string_view domain) {
  if (auto parsed = Authority::parse(domain)) extra_.push_back(std::move(*parsed));
}

Result<void> TrustedDomains::check(std::string_view auth_domain) const {
  const auto named = Authority::parse(auth_domain);
  if (!named) return Failure(Stage::application, Cause::untrusted_auth_domain, printable(auth_domain));
  return check(*named);
}

Result<void> TrustedDomains::check(const Authority& auth_domain) const {
  const auto names_it = [&](const Authority& entry) {
    return entry.host == auth_domain.host && (!entry.port || *entry.port == auth_domain.port_or(kHttpsPort));
  };
  if (is_cloudflares(auth_domain.host.text()) || std::any_of(extra_.begin(), extra_.end(), names_it))
    return {};
  return Failure(Stage::application, Cause::untrusted_auth_domain, auth_domain.text());
}

Result<std::string> claimed_auth_domain(const Jwt& metadata, const TrustedDomains& trusted) {
  const std::string domain = metadata.text("auth_domain");
  if (domain.empty()) return wrong("auth_domain", "is missing");
  const auto parsed = Authority::parse(domain);
  if (!parsed) return Failure(Stage::application, Cause::untrusted_auth_domain, printable(domain));
  if (const auto checked = trusted.check(*parsed); !checked) return checked.error();
  return kept_form(*parsed);
}

Result<Application> verify_metadata(const Jwt& metadata, const KeySet& keys, const transport::Url& url,
                                    const TrustedDomains& trusted, std::int64_t now) {
  auto auth_domain = claimed_auth_domain(metadata, trusted);
  if (!auth_domain) return auth_domain.error();
  if (!keys.verifies(metadata)) {
    return Failure(Stage::application, Cause::metadata_invalid,
                   "signature does not verify under the keys of " + *auth_domain);
  }
  if (metadata.text("type") != "match") return wrong("type", "is not \"match\"");
  const std::string hostname = metadata.text("hostname");
  if (const auto named = Host::parse(hostname); !named || !(*named == url.host)) {
    return wrong("hostname", "is \"" + printable(hostname) + "\", not \"" + url.host.text() + '"');
  }
  // One audience names the application; with several it would be a guess which.
  const auto audience = metadata.audience();
  if (audience.size() != 1 || !is_aud(audience.front())) return wrong("aud", "does not name one application");
  if (const auto issued = check_issue_time(metadata, now); !issued) return issued.error();
  Application app;
  app.auth_domain = std::move(*auth_domain);
  app.aud = audience.front();
  app.app_hostname = metadata.text("app_hostname");
  if (app.app_hostname.empty()) app.app_hostname = hostname;
  app.key_type = claimed_key_type(metadata.text(kKeyTypeClaim));
  // It names the token's file: the file of another host's token is not this one's to choose.
  if (!covers(app.app_hostname, url)) {
    return wrong("app_hostname",
                 "is \"" + printable(app.app_hostname) + "\", which is not about " + url.host.text());
  }
  return app;
}

Result<Jwt> check_app_token(std::string_view compact, const Application& app, std::int64_t now) {
  auto jwt = check_token(compact, app, now);
  if (!jwt) return jwt;
  const auto audience = jwt->audience();
  if (std::find(audience.begin(), audience.end(), app.aud) == audience.end()) {
    return bad_token("token is for another application");
  }
  return jwt;
}

Result<Jwt> check_org_token(std::string_view compact, const Application& app, std::int64_t now) {
  return check_token(compact, app, now);
}

}  // namespace cfpipe::auth
