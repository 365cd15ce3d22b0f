#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "auth/token/jwt.h"
#include "base/openssl.h"

namespace cfpipe::auth {

/// Keys of a set that are kept, and of those, keys that one token is tried with: some providers publish the
/// keys of all their clients, and a token need not name its own.
inline constexpr std::size_t kMaxSigningKeys = 512;
inline constexpr std::size_t kMaxKeysTried = 32;

/// The signing keys of an identity provider (RFC 7517 5): RSA for RS256, RS384, RS512, PS256, PS384 and
/// PS512, P-256 for ES256, P-384 for ES384, P-521 for ES512, Ed25519 for EdDSA (RFC 7518 3.1, RFC 8037 3.1).
/// A key verifies the algorithms of its type alone, and if it names one, that one alone: a token cannot
/// choose what its signature is taken for.
class SigningKeys {
 public:
  enum class Check {
    good,
    unknown_key,
    refused,
    unsupported  ///< signed under none of kAlgorithms
  };
  enum class Kind { none, rsa, p256, p384, p521, ed25519 };

  /// Keys of other kinds, for other algorithms or for encryption are passed over; a member that is null is
  /// absent. Malformed JSON, no usable key at all, more than kMaxSigningKeys or kMaxJwksBytes is a failure
  /// (Stage::application, Cause::metadata_invalid).
  static Result<SigningKeys> parse(std::string_view json);

  /// Whether the key that the token names verifies it; a token without `kid` may be any key's, also one's
  /// that is not here. A token with `crit` is refused.
  Check check(const Jwt& jwt) const;

  static constexpr std::string_view kAlgorithms[] = {"RS256", "RS384", "RS512", "PS256", "PS384",  "PS512",
                                                     "ES256", "ES384", "ES512", "EdDSA", "Ed25519"};

 private:
  struct Entry {
    std::string kid;  ///< may be empty
    Kind kind;
    std::string alg;  ///< empty: any of its kind
    PKey key;
  };
  std::vector<Entry> keys_;
};

}  // namespace cfpipe::auth
