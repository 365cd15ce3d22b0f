#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "auth/jwt.h"
#include "auth/openssl.h"

namespace cfpipe::auth {

/// The signing keys of an identity provider (RFC 7517 5): RSA for RS256, P-256 for ES256, Ed25519 for EdDSA
/// (RFC 7518 3.1, RFC 8037 3.1). A key verifies the one algorithm that goes with its type, so that a token
/// cannot choose what its signature is taken for.
class SigningKeys {
 public:
  enum class Check { good, unknown_key, refused };

  /// Keys of other kinds are passed over. Malformed JSON, no usable key at all, or beyond the bounds of
  /// auth/jwks.h is a failure (Stage::application, Cause::metadata_invalid).
  static Result<SigningKeys> parse(std::string_view json);

  /// Whether the key that the token names verifies it; a token without `kid` may be any key's, also one's
  /// that is not here. Of a token under another algorithm, or one with `crit`, nothing is looked at: refused.
  Check check(const Jwt& jwt) const;

  static constexpr std::string_view kAlgorithms[] = {"RS256", "ES256", "EdDSA"};

 private:
  struct Entry {
    std::string kid;  ///< may be empty
    std::string_view alg;
    PKey key;
  };
  std::vector<Entry> keys_;
};

/// True if header `alg` is exactly that, and the signature verifies under the key, which is of its type.
bool verify_es256(const Jwt& jwt, EVP_PKEY* key);
bool verify_eddsa(const Jwt& jwt, EVP_PKEY* key);

}  // namespace cfpipe::auth
