#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/ssh/key.h"
#include "auth/token/jwks.h"
#include "auth/token/jwt.h"
#include "base/host.h"
#include "transport/net/url.h"

namespace cfpipe::transport {
struct HttpAnswer;
}

namespace cfpipe::auth {

/// Age limits of the signed metadata, in seconds.
inline constexpr std::int64_t kMetadataMaxAge = 24 * 3600;
inline constexpr std::int64_t kMetadataMaxSkew = 5 * 60;

/// Characters of an AUD: hexadecimal digits in lower case.
inline constexpr std::size_t kAudCharacters = 64;

/// An application as discovery found it (access-protocol, "Finding the application").
struct Application {
  std::string auth_domain;  ///< `host[:port]`, lower case: the only issuer of tokens for this application
  std::string aud;
  std::string app_hostname;  ///< may hold a wildcard; names the token file
  /// The kind of key that the edge recommends for the application's servers; only our edge names one.
  std::optional<KeyType> key_type = std::nullopt;
  /// The response with the metadata and its time, which shows how it redirects unauthenticated requests; null
  /// if the application came from the cache.
  std::shared_ptr<const transport::HttpAnswer> answer = nullptr;
  std::chrono::steady_clock::time_point answered{};
  /// The auth domain is only what the user named, without a port: every port of that host may issue.
  bool any_port = false;
};

bool is_aud(std::string_view text);

/// True if an application of that name (`host`, `host/path`; of `*`: base/name_pattern.h) covers the
/// URL. Ports do not count: no name of an application has one.
bool covers(std::string_view app_hostname, const transport::Url& url);

/// Whether the application may be that of the URL: its AUD is well formed, and its name covers the URL. True
/// for every result of discovery; checked again for cached ones.
bool fits(const Application& app, const transport::Url& url);

/// True if the token's `iss` is `https://` and the application's auth domain. Tokens of other issuers are
/// neither used for this application nor removed from files that it names.
bool issued_for(const Application& app, const Jwt& token);

/// Auth domains that may vouch for applications: always those under `.cloudflareaccess.com`, and the added
/// ones. An entry without a port trusts that host on any port, one with a port only that port.
class TrustedDomains {
 public:
  /// Adds `host[:port]`; any other text adds nothing.
  void add(std::string_view domain);
  /// Stage::application / Cause::untrusted_auth_domain if not trusted, or malformed (anything but
  /// `host[:port]`).
  Result<void> check(std::string_view auth_domain) const;
  Result<void> check(const Authority& auth_domain) const;

 private:
  std::vector<Authority> extra_;
};

/// The auth domain that an unverified metadata token names, once trusted: `host[:port]`, of Cloudflare's own
/// without the port. Stage::application.
Result<std::string> claimed_auth_domain(const Jwt& metadata, const TrustedDomains& trusted);

/// Verifies signature and claims: type is `match`, hostname equals that of `url` (any case), aud is one AUD,
/// app_hostname (hostname where it is empty) covers `url`, iat within the limits at `now` (Unix seconds).
/// Stage::application, Cause::metadata_invalid with the claim named.
Result<Application> verify_metadata(const Jwt& metadata, const KeySet& keys, const transport::Url& url,
                                    const TrustedDomains& trusted, std::int64_t now);

/// Why a cached or fresh app token cannot be used, or success: well formed, issued for the application, not
/// expired (`exp` > now), `aud` holds the application's. Signature is the edge's business and is not checked
/// here. Stage::token.
Result<Jwt> check_app_token(std::string_view compact, const Application& app, std::int64_t now);
/// The same for an org token, which has no audience that a client knows.
Result<Jwt> check_org_token(std::string_view compact, const Application& app, std::int64_t now);

}  // namespace cfpipe::auth
