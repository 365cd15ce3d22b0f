#include "auth/signing_keys.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/param_build.h>

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

#include "auth/base64.h"
#include "auth/json.h"
#include "auth/jwks.h"

namespace cfpipe::auth {
namespace {

namespace json = boost::json;

/// Bytes of a coordinate on P-256 and of each half of an ES256 signature (RFC 7518 3.4, 6.2.1.2), of an
/// Ed25519 public key (RFC 8032 5.1.5).
constexpr std::size_t kP256Bytes = 32;
constexpr std::size_t kEd25519Bytes = 32;

using Signature = std::unique_ptr<ECDSA_SIG, Free<ECDSA_SIG_free>>;
using ParamBuilder = std::unique_ptr<OSSL_PARAM_BLD, Free<OSSL_PARAM_BLD_free>>;
using Params = std::unique_ptr<OSSL_PARAM, Free<OSSL_PARAM_free>>;
using PKeyCtx = std::unique_ptr<EVP_PKEY_CTX, Free<EVP_PKEY_CTX_free>>;

transport::Failure invalid(std::string why) {
  return {transport::Stage::application, transport::Cause::metadata_invalid, std::move(why)};
}

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

bool absent_or(const json::object& jwk, const char* name, std::string_view wanted) {
  return !jwk.contains(name) || text_of(jwk, name) == wanted;
}

/// Uncompressed (SEC 1 2.3.3); OpenSSL refuses a point that is not on the curve.
PKey p256_of(std::string_view x, std::string_view y) {
  std::string point(1, '\x04');
  point.append(x).append(y);
  const ParamBuilder builder(OSSL_PARAM_BLD_new());
  if (!builder ||
      OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) != 1 ||
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

PKey p256_from_jwk(const json::object& jwk) {
  const auto x = decode_base64url(text_of(jwk, "x"));
  const auto y = decode_base64url(text_of(jwk, "y"));
  if (text_of(jwk, "crv") != "P-256" || !x || !y || x->size() != kP256Bytes || y->size() != kP256Bytes)
    return nullptr;
  return p256_of(*x, *y);
}

PKey ed25519_from_jwk(const json::object& jwk) {
  const auto x = decode_base64url(text_of(jwk, "x"));
  if (text_of(jwk, "crv") != "Ed25519" || !x || x->size() != kEd25519Bytes) return nullptr;
  return PKey(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes_of(*x), x->size()));
}

/// What one key is good for: its algorithm and the key, or null.
std::pair<std::string_view, PKey> read_key(const json::object& jwk) {
  const std::string type = text_of(jwk, "kty");
  if (type == "RSA") return {"RS256", rsa_from_jwk(jwk)};
  if (!absent_or(jwk, "use", "sig")) return {};
  if (type == "EC" && absent_or(jwk, "alg", "ES256")) return {"ES256", p256_from_jwk(jwk)};
  if (type == "OKP" && absent_or(jwk, "alg", "EdDSA")) return {"EdDSA", ed25519_from_jwk(jwk)};
  return {};
}

bool claims_algorithm(const Jwt& jwt, std::string_view alg) {
  return text_of(jwt.header, "alg") == alg && !jwt.header.contains("crit");
}

bool digest_verifies(const Jwt& jwt, const EVP_MD* digest, EVP_PKEY* key, std::string_view signature) {
  const MdCtx ctx(EVP_MD_CTX_new());
  const bool good = ctx && EVP_DigestVerifyInit(ctx.get(), nullptr, digest, nullptr, key) == 1 &&
                    EVP_DigestVerify(ctx.get(), bytes_of(signature), signature.size(),
                                     bytes_of(jwt.signing_input), jwt.signing_input.size()) == 1;
  ERR_clear_error();
  return good;
}

}  // namespace

bool verify_es256(const Jwt& jwt, EVP_PKEY* key) {
  if (!claims_algorithm(jwt, "ES256") || key == nullptr || EVP_PKEY_is_a(key, "EC") != 1 ||
      jwt.signature.size() != 2 * kP256Bytes) {
    return false;
  }
  // OpenSSL knows the DER form only, JOSE the two numbers only.
  const auto half = [&](std::size_t at) {
    return BN_bin2bn(bytes_of(jwt.signature) + at, static_cast<int>(kP256Bytes), nullptr);
  };
  const Signature numbers(ECDSA_SIG_new());
  if (!numbers || ECDSA_SIG_set0(numbers.get(), half(0), half(kP256Bytes)) != 1) return false;
  unsigned char* raw = nullptr;
  const int size = i2d_ECDSA_SIG(numbers.get(), &raw);
  if (size <= 0) return false;
  const std::string der(reinterpret_cast<const char*>(raw), static_cast<std::size_t>(size));
  OPENSSL_free(raw);
  return digest_verifies(jwt, EVP_sha256(), key, der);
}

bool verify_eddsa(const Jwt& jwt, EVP_PKEY* key) {
  return claims_algorithm(jwt, "EdDSA") && key != nullptr && EVP_PKEY_is_a(key, "ED25519") == 1 &&
         digest_verifies(jwt, nullptr, key, jwt.signature);
}

Result<SigningKeys> SigningKeys::parse(std::string_view text) {
  if (text.size() > kMaxJwksBytes) return invalid("the key set is larger than 1 MiB");
  const auto object = parse_json_object(text);
  const json::value* keys = object ? object->if_contains("keys") : nullptr;
  if (keys == nullptr || !keys->is_array()) return invalid("the key set is not a JWKS");
  SigningKeys result;
  for (const json::value& entry : keys->get_array()) {
    if (!entry.is_object()) return invalid("the key set is not a JWKS");
    auto [alg, key] = read_key(entry.get_object());
    if (!key) continue;
    if (result.keys_.size() == kMaxJwksKeys) return invalid("the key set has more than 32 keys");
    result.keys_.push_back({text_of(entry.get_object(), "kid"), alg, std::move(key)});
  }
  ERR_clear_error();
  if (result.keys_.empty()) return invalid("the key set has no key for RS256, ES256 or EdDSA");
  return result;
}

SigningKeys::Check SigningKeys::check(const Jwt& jwt) const {
  const std::string alg = text_of(jwt.header, "alg");
  const std::string kid = jwt.kid();
  bool known = false;
  for (const Entry& entry : keys_) {
    if (!kid.empty() && entry.kid != kid) continue;
    known = known || !kid.empty();
    if (entry.alg != alg) continue;
    if (alg == "RS256" && verify_rs256(jwt, entry.key.get())) return Check::good;
    if (alg == "ES256" && verify_es256(jwt, entry.key.get())) return Check::good;
    if (alg == "EdDSA" && verify_eddsa(jwt, entry.key.get())) return Check::good;
  }
  for (const std::string_view known_alg : kAlgorithms)
    if (alg == known_alg && !known) return Check::unknown_key;
  return Check::refused;
}

}  // namespace cfpipe::auth
