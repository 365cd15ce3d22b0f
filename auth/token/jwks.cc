#include "auth/token/jwks.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

#include "auth/token/rsa_key.h"
#include "base/base64.h"
#include "base/json.h"

namespace cfpipe::auth {
namespace {

namespace json = boost::json;

/// Longest public exponent that is taken, in bytes. OpenSSL's own bound for large moduli.
constexpr std::size_t kMaxExponentBytes = 8;

using Number = std::unique_ptr<BIGNUM, Free<BN_free>>;
using ParamBuilder = std::unique_ptr<OSSL_PARAM_BLD, Free<OSSL_PARAM_BLD_free>>;
using Params = std::unique_ptr<OSSL_PARAM, Free<OSSL_PARAM_free>>;
using PKeyCtx = std::unique_ptr<EVP_PKEY_CTX, Free<EVP_PKEY_CTX_free>>;

Failure invalid_rsa_set(std::string why) {
  return {Stage::application, Cause::metadata_invalid, std::move(why)};
}

std::string_view text_member(const json::object& object, json::string_view name) {
  const json::value* value = object.if_contains(name);
  if (value == nullptr || !value->is_string()) return {};
  return {value->get_string().data(), value->get_string().size()};
}

Number number_member(const json::object& object, json::string_view name, std::size_t max_bytes) {
  const auto bytes = decode_base64url(text_member(object, name));
  if (!bytes || bytes->empty() || bytes->size() > max_bytes) return nullptr;
  return Number(BN_bin2bn(reinterpret_cast<const unsigned char*>(bytes->data()),
                          static_cast<int>(bytes->size()), nullptr));
}

PKey make_rsa(const BIGNUM* n, const BIGNUM* e) {
  const ParamBuilder builder(OSSL_PARAM_BLD_new());
  if (!builder || OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n) != 1 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e) != 1) {
    return nullptr;
  }
  const Params params(OSSL_PARAM_BLD_to_param(builder.get()));
  const PKeyCtx ctx(EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr));
  EVP_PKEY* key = nullptr;
  if (!params || !ctx || EVP_PKEY_fromdata_init(ctx.get()) != 1 ||
      EVP_PKEY_fromdata(ctx.get(), &key, EVP_PKEY_PUBLIC_KEY, params.get()) != 1) {
    return nullptr;
  }
  return PKey(key);
}

/// Base64url of one number of a key, without leading zeros (RFC 7518 2, Base64urlUInt).
std::string number_of(EVP_PKEY* key, const char* param) {
  BIGNUM* raw = nullptr;
  if (EVP_PKEY_get_bn_param(key, param, &raw) != 1) {
    ERR_clear_error();
    return {};
  }
  const Number number(raw);
  std::string bytes(static_cast<std::size_t>(BN_num_bytes(number.get())), '\0');
  BN_bn2bin(number.get(), reinterpret_cast<unsigned char*>(bytes.data()));
  return base64url(bytes);
}

}  // namespace

bool absent_or(const json::object& object, std::string_view name, std::string_view wanted) {
  const json::value* value = object.if_contains(json::string_view(name.data(), name.size()));
  return value == nullptr || value->is_null() || text_of(object, name) == wanted;
}

PKey rsa_from_jwk(const json::object& jwk) {
  if (text_member(jwk, "kty") != "RSA" || !absent_or(jwk, "use", "sig") || !absent_or(jwk, "alg", "RS256")) {
    return nullptr;
  }
  return rsa_numbers_of(jwk);
}

PKey rsa_numbers_of(const json::object& jwk) {
  const Number n = number_member(jwk, "n", kMaxRsaBits / 8);
  const Number e = number_member(jwk, "e", kMaxExponentBytes);
  if (!n || !e || BN_is_odd(n.get()) == 0 || BN_is_odd(e.get()) == 0 || BN_is_one(e.get()) == 1)
    return nullptr;
  PKey key = make_rsa(n.get(), e.get());
  ERR_clear_error();
  return usable_rsa(key.get()) ? std::move(key) : nullptr;
}

Result<KeySet> KeySet::parse(std::string_view text) {
  if (text.size() > kMaxJwksBytes) return invalid_rsa_set("the key set is larger than 1 MiB");
  const auto object = parse_json_object(text);
  const json::value* keys = object ? object->if_contains("keys") : nullptr;
  if (keys == nullptr || !keys->is_array()) return invalid_rsa_set("the key set is not a JWKS");
  KeySet result;
  for (const json::value& entry : keys->get_array()) {
    if (!entry.is_object()) return invalid_rsa_set("the key set is not a JWKS");
    const std::string_view kid = text_member(entry.get_object(), "kid");
    if (kid.empty()) continue;
    PKey key = rsa_from_jwk(entry.get_object());
    if (!key) continue;
    if (result.keys_.size() == kMaxJwksKeys) return invalid_rsa_set("the key set has more than 32 keys");
    result.keys_.push_back({std::string(kid), std::move(key)});
  }
  if (result.keys_.empty()) return invalid_rsa_set("the key set has no usable key");
  return result;
}

bool KeySet::verifies(const Jwt& jwt) const {
  const std::string kid = jwt.kid();
  if (kid.empty()) return false;
  for (const Entry& entry : keys_) {
    if (entry.kid == kid && verify_rs256(jwt, entry.key.get())) return true;
  }
  return false;
}

bool KeySet::has(std::string_view kid) const {
  for (const Entry& entry : keys_) {
    if (entry.kid == kid) return true;
  }
  return false;
}

json::object rsa_jwk(EVP_PKEY* key, std::string_view kid) {
  json::object jwk;
  jwk["kty"] = "RSA";
  jwk["n"] = number_of(key, OSSL_PKEY_PARAM_RSA_N);
  jwk["e"] = number_of(key, OSSL_PKEY_PARAM_RSA_E);
  jwk["kid"] = json::string_view(kid.data(), kid.size());
  jwk["alg"] = "RS256";
  jwk["use"] = "sig";
  return jwk;
}

std::string rsa_thumbprint(EVP_PKEY* key) {
  // The required members only, in lexicographic order, without white space (RFC 7638 3).
  const std::string canonical = R"({"e":")" + number_of(key, OSSL_PKEY_PARAM_RSA_E) +
                                R"(","kty":"RSA","n":")" + number_of(key, OSSL_PKEY_PARAM_RSA_N) + R"("})";
  std::string digest(EVP_MAX_MD_SIZE, '\0');
  unsigned size = 0;
  EVP_Digest(canonical.data(), canonical.size(), reinterpret_cast<unsigned char*>(digest.data()), &size,
             EVP_sha256(), nullptr);
  digest.resize(size);
  return base64url(digest);
}

}  // namespace cfpipe::auth
