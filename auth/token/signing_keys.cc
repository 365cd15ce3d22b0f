#include "auth/token/signing_keys.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

#include "auth/token/jwks.h"
#include "base/base64.h"
#include "base/json.h"

namespace cfpipe::auth {
namespace {

namespace json = boost::json;

/// Bytes of an Ed25519 public key (RFC 8032 5.1.5).
constexpr std::size_t kEd25519Bytes = 32;

enum class Padding { none, pkcs1, pss };

/// What one algorithm of JOSE is made of (RFC 7518 3.1, RFC 8037 3.1, RFC 9864 2.2).
struct Algorithm {
  std::string_view name;
  SigningKeys::Kind kind;
  const EVP_MD* (*digest)();  ///< null: the algorithm has its own
  Padding padding;
};
using Kind = SigningKeys::Kind;
constexpr Algorithm kTable[] = {
    {"RS256", Kind::rsa, EVP_sha256, Padding::pkcs1},  {"RS384", Kind::rsa, EVP_sha384, Padding::pkcs1},
    {"RS512", Kind::rsa, EVP_sha512, Padding::pkcs1},  {"PS256", Kind::rsa, EVP_sha256, Padding::pss},
    {"PS384", Kind::rsa, EVP_sha384, Padding::pss},    {"PS512", Kind::rsa, EVP_sha512, Padding::pss},
    {"ES256", Kind::p256, EVP_sha256, Padding::none},  {"ES384", Kind::p384, EVP_sha384, Padding::none},
    {"ES512", Kind::p521, EVP_sha512, Padding::none},  {"EdDSA", Kind::ed25519, nullptr, Padding::none},
    {"Ed25519", Kind::ed25519, nullptr, Padding::none}};
static_assert(std::size(kTable) == std::size(SigningKeys::kAlgorithms));

/// A curve by both its names, and the bytes of a coordinate on it and of each half of a signature (RFC 7518
/// 3.4, 6.2.1.2).
struct Curve {
  std::string_view jose;
  Kind kind;
  const char* openssl;
  std::size_t bytes;
};
constexpr Curve kCurves[] = {{"P-256", Kind::p256, "prime256v1", 32},
                             {"P-384", Kind::p384, "secp384r1", 48},
                             {"P-521", Kind::p521, "secp521r1", 66}};

using Signature = std::unique_ptr<ECDSA_SIG, Free<ECDSA_SIG_free>>;
using ParamBuilder = std::unique_ptr<OSSL_PARAM_BLD, Free<OSSL_PARAM_BLD_free>>;
using Params = std::unique_ptr<OSSL_PARAM, Free<OSSL_PARAM_free>>;
using PKeyCtx = std::unique_ptr<EVP_PKEY_CTX, Free<EVP_PKEY_CTX_free>>;

Failure invalid_signing_keys(std::string why) {
  return {Stage::application, Cause::metadata_invalid, std::move(why)};
}

const Algorithm* algorithm_of(std::string_view name) {
  for (const Algorithm& one : kTable)
    if (one.name == name) return &one;
  return nullptr;
}

/// Uncompressed (SEC 1 2.3.3); OpenSSL refuses a point that is not on the curve.
PKey point_on(const Curve& curve, std::string_view x, std::string_view y) {
  std::string point(1, '\x04');
  point.append(x).append(y);
  const ParamBuilder builder(OSSL_PARAM_BLD_new());
  if (!builder ||
      OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, curve.openssl, 0) != 1 ||
      OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()) !=
          1) {
    return nullptr;
  }
  const Params params(OSSL_PARAM_BLD_to_param(builder.get()));
  const PKeyCtx ctx(EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
  EVP_PKEY* key = nullptr;
  if (!params || !ctx || EVP_PKEY_fromdata_init(ctx.get()) != 1 ||
      EVP_PKEY_fromdata(ctx.get(), &key, EVP_PKEY_PUBLIC_KEY, params.get()) != 1) {
    return nullptr;
  }
  return PKey(key);
}

std::pair<Kind, PKey> ec_from_jwk(const json::object& jwk) {
  const std::string name = text_of(jwk, "crv");
  for (const Curve& curve : kCurves) {
    if (curve.jose != name) continue;
    const auto x = decode_base64url(text_of(jwk, "x"));
    const auto y = decode_base64url(text_of(jwk, "y"));
    if (!x || !y || x->size() != curve.bytes || y->size() != curve.bytes) break;
    return {curve.kind, point_on(curve, *x, *y)};
  }
  return {};
}

PKey ed25519_from_jwk(const json::object& jwk) {
  const auto x = decode_base64url(text_of(jwk, "x"));
  if (text_of(jwk, "crv") != "Ed25519" || !x || x->size() != kEd25519Bytes) return nullptr;
  return PKey(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, unsigned_bytes(*x), x->size()));
}

/// A key that signs, or null.
std::pair<Kind, PKey> read_key(const json::object& jwk) {
  if (!absent_or(jwk, "use", "sig")) return {};
  const std::string type = text_of(jwk, "kty");
  if (type == "RSA") return {Kind::rsa, rsa_numbers_of(jwk)};
  if (type == "EC") return ec_from_jwk(jwk);
  if (type == "OKP") return {Kind::ed25519, ed25519_from_jwk(jwk)};
  return {};
}

/// OpenSSL knows the DER form only, JOSE the two numbers only. Empty: they have not the curve's length.
std::string der_of(std::string_view signature, Kind kind) {
  const auto* curve = std::find_if(std::begin(kCurves), std::end(kCurves),
                                   [kind](const Curve& one) { return one.kind == kind; });
  if (curve == std::end(kCurves) || signature.size() != 2 * curve->bytes) return {};
  const auto half = [&](std::size_t at) {
    return BN_bin2bn(unsigned_bytes(signature) + at, static_cast<int>(curve->bytes), nullptr);
  };
  const Signature numbers(ECDSA_SIG_new());
  if (!numbers || ECDSA_SIG_set0(numbers.get(), half(0), half(curve->bytes)) != 1) return {};
  unsigned char* raw = nullptr;
  const int size = i2d_ECDSA_SIG(numbers.get(), &raw);
  if (size <= 0) return {};
  std::string der(reinterpret_cast<const char*>(raw), static_cast<std::size_t>(size));
  OPENSSL_free(raw);
  return der;
}

/// RFC 7518 3.5: the mask's digest is the message's, and the salt is as long.
bool set_pss(EVP_PKEY_CTX* ctx) {
  return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) > 0 &&
         EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) > 0;
}

bool verifies(const Jwt& jwt, const Algorithm& algorithm, EVP_PKEY* key) {
  const bool numbers =
      algorithm.kind == Kind::p256 || algorithm.kind == Kind::p384 || algorithm.kind == Kind::p521;
  const std::string signature = numbers ? der_of(jwt.signature, algorithm.kind) : jwt.signature;
  if (signature.empty()) return false;
  const MdCtx ctx(EVP_MD_CTX_new());
  EVP_PKEY_CTX* details = nullptr;  // of ctx
  const EVP_MD* digest = algorithm.digest == nullptr ? nullptr : algorithm.digest();
  const bool good = ctx && EVP_DigestVerifyInit(ctx.get(), &details, digest, nullptr, key) == 1 &&
                    (algorithm.padding != Padding::pss || set_pss(details)) &&
                    EVP_DigestVerify(ctx.get(), unsigned_bytes(signature), signature.size(),
                                     unsigned_bytes(jwt.signing_input), jwt.signing_input.size()) == 1;
  ERR_clear_error();
  return good;
}

}  // namespace

Result<SigningKeys> SigningKeys::parse(std::string_view text) {
  if (text.size() > kMaxJwksBytes) return invalid_signing_keys("the key set is larger than 1 MiB");
  const auto object = parse_json_object(text);
  const json::value* keys = object ? object->if_contains("keys") : nullptr;
  if (keys == nullptr || !keys->is_array()) return invalid_signing_keys("the key set is not a JWKS");
  SigningKeys result;
  for (const json::value& entry : keys->get_array()) {
    if (!entry.is_object()) return invalid_signing_keys("the key set is not a JWKS");
    const json::object& jwk = entry.get_object();
    const std::string alg = text_of(jwk, "alg");
    if (!alg.empty() && algorithm_of(alg) == nullptr) continue;
    auto [kind, key] = read_key(jwk);
    if (!key) continue;
    if (result.keys_.size() == kMaxSigningKeys)
      return invalid_signing_keys("the key set has more than 512 keys");
    result.keys_.push_back({text_of(jwk, "kid"), kind, alg, std::move(key)});
  }
  ERR_clear_error();
  if (result.keys_.empty())
    return invalid_signing_keys("the key set has no key for RS, PS, ES or EdDSA signatures");
  return result;
}

SigningKeys::Check SigningKeys::check(const Jwt& jwt) const {
  const Algorithm* algorithm = algorithm_of(text_of(jwt.header, "alg"));
  if (algorithm == nullptr) return Check::unsupported;
  // Nothing named in `crit` is understood here, so its presence alone refuses the token (RFC 7515 4.1.11).
  if (jwt.header.contains("crit")) return Check::refused;
  const std::string kid = jwt.kid();
  bool known = false;
  std::size_t tried = 0;
  for (const Entry& entry : keys_) {
    if (!kid.empty() && entry.kid != kid) continue;
    known = known || !kid.empty();
    if (entry.kind != algorithm->kind || (!entry.alg.empty() && entry.alg != algorithm->name)) continue;
    if (++tried > kMaxKeysTried) break;
    if (verifies(jwt, *algorithm, entry.key.get())) return Check::good;
  }
  return known ? Check::refused : Check::unknown_key;
}

}  // namespace cfpipe::auth
