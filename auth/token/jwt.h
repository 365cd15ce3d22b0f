#pragma once

#include <openssl/types.h>

#include <boost/json/object.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/openssl.h"

namespace cfpipe::auth {

/// Longest compact JWT, in bytes.
inline constexpr std::size_t kMaxJwtBytes = 32 * 1024;

/// A parsed JWS in compact form (RFC 7515 3.1). Unverified until verify_rs256().
struct Jwt {
  boost::json::object header;
  boost::json::object claims;
  std::string signing_input;  ///< the first two parts with the dot between
  std::string signature;      ///< raw bytes

  std::string kid() const;  ///< header `kid` or empty
  std::string text(
      std::string_view claim) const;  ///< a string claim, or empty when absent or of another type
  /// A NumericDate (RFC 7519 2), in seconds: any JSON number, rounded down; nothing when absent or of another
  /// type.
  std::optional<std::int64_t> time(std::string_view claim) const;
  std::int64_t number(std::string_view claim) const;  ///< the same, or 0
  std::vector<std::string> audience() const;          ///< `aud`, whether array or string (RFC 7519 4.1.3)
};

/// Parses a compact JWT. Fails (Stage::token, Cause::token_invalid) on anything but three base64url
/// parts of which the first two are JSON objects, on duplicate or unencodable parts, and beyond kMaxJwtBytes.
/// Never throws.
Result<Jwt> parse_jwt(std::string_view compact);

/// True if header `alg` is exactly RS256 and the signature verifies under `key` (RSA, at least 2048 bits).
bool verify_rs256(const Jwt& jwt, EVP_PKEY* key);

/// Compact JWT over the claims, header {"alg":"RS256","kid":…,"typ":"JWT"}. Empty if the key is no private
/// RSA key of 2048 bits or more.
std::string sign_rs256(const boost::json::object& claims, std::string_view kid, EVP_PKEY* key);

}  // namespace cfpipe::auth
