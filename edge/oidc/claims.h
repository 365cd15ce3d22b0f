#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "auth/token/jwt.h"
#include "edge/config/config.h"
#include "edge/policy/claim_map.h"
#include "edge/policy/groups.h"

namespace cfpipe::edge {

/// How far an identity provider's clock may be off ours, in seconds.
inline constexpr std::int64_t kProviderClockSkew = 60;
/// Longest `sub`, in bytes (OpenID Connect Core 1.0, 2).
inline constexpr std::size_t kMaxSubjectBytes = 255;

/// Who has signed in, as the identity provider says.
struct Person {
  std::string subject;  ///< the provider's
  std::string email;
  Groups groups;
  Claims claims;         ///< of those that were asked for
  std::string id_token;  ///< as it came: for signing out there again
};

/// The claims that the configuration needs of a user.
struct WantedClaims {
  bool groups = false;             ///< any policy asks
  std::vector<std::string> named;  ///< for principals
};

/// Checks what an ID token whose signature holds says of itself (OpenID Connect Core 1.0 with errata set 2,
/// 3.1.3.7): issuer, audience, times, nonce. This client has to be among the audiences; `azp`, which errata
/// set 2 wants of no token any more, has to be this client where it is present. Stage::login,
/// Cause::token_invalid.
Result<void> check_id_token(const auth::Jwt& token, const OidcConfig& config, std::string_view nonce,
                            std::int64_t now);

/// Checks what a signed answer of the userinfo endpoint says of itself (5.3.2): issuer and audience, where it
/// names them. Stage::login, Cause::token_invalid.
Result<void> check_signed_userinfo(const auth::Jwt& token, const OidcConfig& config);

/// What the provider's userinfo endpoint said (5.3).
struct UserInfo {
  boost::json::object claims;  ///< empty: it was not asked, or has failed
  bool failed = false;
};

/// Whether the ID token leaves out the person's address, or that it is verified where that is needed.
bool needs_address(const boost::json::object& id_claims, const OidcConfig& config);
/// Whether the ID token leaves out something that the provider's userinfo may have (5.3).
bool needs_userinfo(const boost::json::object& id_claims, const OidcConfig& config,
                    const WantedClaims& wanted);

/// The person of an ID token, completed from `userinfo`, which has to be about the same `sub` (5.3.2). No
/// address, or one that is not verified: Cause::denied, fit to be told to the person.
Result<Person> person_of(const boost::json::object& id_claims, const UserInfo& userinfo,
                         const OidcConfig& config, const WantedClaims& wanted);

/// What of a person's claims goes into tokens: values that account_of() takes, as many as there is room for;
/// of a claim that has none, its first value.
Claims claims_to_carry(const Claims& claims, const std::vector<std::string>& named);

}  // namespace cfpipe::edge
