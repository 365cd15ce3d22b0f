#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "auth/token/jwt.h"
#include "base/openssl.h"

namespace cfpipe::auth {

/// Bounds of a key set: bytes of its JSON, keys kept.
inline constexpr std::size_t kMaxJwksBytes = 1024 * 1024;
inline constexpr std::size_t kMaxJwksKeys = 32;

/// A JSON Web Key Set (RFC 7517 5), its RSA signing keys only.
class KeySet {
 public:
  /// Keys of other kinds are passed over; malformed JSON, no usable key at all, or beyond the bounds is a
  /// failure (Stage::application, Cause::metadata_invalid).
  static Result<KeySet> parse(std::string_view json);

  /// True if the key named by the token's kid verifies it. No kid, or an unknown one: false.
  bool verifies(const Jwt& jwt) const;
  bool has(std::string_view kid) const;

 private:
  struct Entry {
    std::string kid;
    PKey key;
  };
  std::vector<Entry> keys_;
};

/// True if a member is absent, null, or the string `wanted`.
bool absent_or(const boost::json::object& object, std::string_view name, std::string_view wanted);

/// The key of one JWK, if it is an RSA key for RS256 signatures of 2048 to 8192 bits; null otherwise.
PKey rsa_from_jwk(const boost::json::object& jwk);
/// The key that its numbers make, whatever else it says of itself; null beyond the same bounds.
PKey rsa_numbers_of(const boost::json::object& jwk);

/// The public half of an RSA key as a JWK: kty, n, e, kid, alg RS256, use sig.
boost::json::object rsa_jwk(EVP_PKEY* key, std::string_view kid);
/// RFC 7638 thumbprint of an RSA key, base64url: what our edge uses as kid.
std::string rsa_thumbprint(EVP_PKEY* key);

}  // namespace cfpipe::auth
