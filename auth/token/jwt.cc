#include "auth/token/jwt.h"

#include <openssl/err.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <cmath>
#include <limits>

#include "auth/token/rsa_key.h"
#include "base/base64.h"
#include "base/json.h"

namespace cfpipe::auth {
namespace {

namespace json = boost::json;

/// Times beyond it, in seconds, have no fraction that a double could hold, and a double beyond it may not fit
/// into 64 bits: 2^53.
constexpr double kMaxFractionalTime = 9'007'199'254'740'992.0;

json::string_view name(std::string_view text) {
  return {text.data(), text.size()};
}

Failure invalid_token(std::string why) {
  return {Stage::token, Cause::token_invalid, std::move(why)};
}

/// Of a part without padding; each of ours has something in it.
std::optional<std::string> decode_part(std::string_view part) {
  return part.empty() ? std::nullopt : decode_base64url(part);
}

std::optional<json::object> decode_object(std::string_view part) {
  const auto text = decode_part(part);
  return text ? parse_json_object(*text) : std::nullopt;
}

}  // namespace

std::string Jwt::kid() const {
  return text_of(header, "kid");
}

std::string Jwt::text(std::string_view claim) const {
  return text_of(claims, claim);
}

std::optional<std::int64_t> Jwt::time(std::string_view claim) const {
  const json::value* value = claims.if_contains(name(claim));
  if (value == nullptr) return std::nullopt;
  if (value->is_int64()) return value->get_int64();
  if (value->is_uint64()) return std::numeric_limits<std::int64_t>::max();
  if (!value->is_double()) return std::nullopt;
  const double seconds = value->get_double();
  if (std::isnan(seconds)) return std::nullopt;  // what Boost.JSON makes of 0e999999999
  const double bounded = std::clamp(seconds, -kMaxFractionalTime, kMaxFractionalTime);
  const auto whole = static_cast<std::int64_t>(bounded);  // std::floor would load libm, for this alone
  return static_cast<double>(whole) > bounded ? whole - 1 : whole;
}

std::int64_t Jwt::number(std::string_view claim) const {
  return time(claim).value_or(0);
}

std::vector<std::string> Jwt::audience() const {
  const json::value* value = claims.if_contains("aud");
  if (value == nullptr) return {};
  if (value->is_string()) return {text("aud")};
  if (!value->is_array()) return {};
  std::vector<std::string> result;
  for (const json::value& entry : value->get_array()) {
    // One entry of another type spoils the claim: nothing is known about what its maker meant.
    if (!entry.is_string()) return {};
    result.emplace_back(entry.get_string().data(), entry.get_string().size());
  }
  return result;
}

Result<Jwt> parse_jwt(std::string_view compact) {
  if (compact.size() > kMaxJwtBytes) return invalid_token("token is longer than 32 KiB");
  const std::size_t first = compact.find('.');
  if (first == std::string_view::npos) return invalid_token("token is not a JWT");
  const std::size_t second = compact.find('.', first + 1);
  if (second == std::string_view::npos || compact.find('.', second + 1) != std::string_view::npos) {
    return invalid_token("token has not exactly three parts");
  }
  // JOSE leaves the padding out (RFC 7515 2): a token with it is one that others may read another way.
  if (compact.find('=') != std::string_view::npos)
    return invalid_token("token is padded with '=', which a JWT must not be (RFC 7515)");
  auto header = decode_object(compact.substr(0, first));
  if (!header) return invalid_token("token header is malformed");
  auto claims = decode_object(compact.substr(first + 1, second - first - 1));
  if (!claims) return invalid_token("token claims are malformed");
  auto signature = decode_part(compact.substr(second + 1));
  if (!signature) return invalid_token("token signature is malformed");
  Jwt jwt;
  jwt.header = std::move(*header);
  jwt.claims = std::move(*claims);
  jwt.signing_input = std::string(compact.substr(0, second));
  jwt.signature = std::move(*signature);
  return jwt;
}

bool verify_rs256(const Jwt& jwt, EVP_PKEY* key) {
  // Nothing named in `crit` is understood here, so its presence alone refuses the token (RFC 7515 4.1.11).
  if (text_of(jwt.header, "alg") != "RS256" || jwt.header.contains("crit") || !usable_rsa(key)) return false;
  const MdCtx ctx(EVP_MD_CTX_new());
  const bool good = ctx && EVP_DigestVerifyInit(ctx.get(), nullptr, EVP_sha256(), nullptr, key) == 1 &&
                    EVP_DigestVerify(ctx.get(), unsigned_bytes(jwt.signature), jwt.signature.size(),
                                     unsigned_bytes(jwt.signing_input), jwt.signing_input.size()) == 1;
  ERR_clear_error();
  return good;
}

std::string sign_rs256(const json::object& claims, std::string_view kid, EVP_PKEY* key) {
  if (!usable_rsa(key)) return {};
  json::object header;
  header["alg"] = "RS256";
  header["kid"] = name(kid);
  header["typ"] = "JWT";
  std::string token = base64url(json::serialize(header)) + '.' + base64url(json::serialize(claims));
  std::string signature(static_cast<std::size_t>(EVP_PKEY_get_size(key)), '\0');
  std::size_t size = signature.size();
  const MdCtx ctx(EVP_MD_CTX_new());
  if (!ctx || EVP_DigestSignInit(ctx.get(), nullptr, EVP_sha256(), nullptr, key) != 1 ||
      EVP_DigestSign(ctx.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                     unsigned_bytes(token), token.size()) != 1) {
    ERR_clear_error();
    return {};
  }
  signature.resize(size);
  return token + '.' + base64url(signature);
}

}  // namespace cfpipe::auth
