#include "tokens.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <sodium.h>

#include <boost/json.hpp>
#include <stdexcept>

#include "codec.h"

namespace edge_mock {
namespace {

namespace json = boost::json;

constexpr std::int64_t kOrgTokenSeconds = 24 * 3600;

struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_MD_CTX, FreeContext>;

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

std::string modulus_of(EVP_PKEY* key) {
  BIGNUM* number = nullptr;
  if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &number) != 1)
    throw std::runtime_error("cannot read the RSA key");
  std::string bytes(static_cast<std::size_t>(BN_num_bytes(number)), '\0');
  BN_bn2bin(number, reinterpret_cast<unsigned char*>(bytes.data()));
  BN_free(number);
  return base64url(bytes);
}

/// An RSA public key without a private key. It only has to look like one.
std::string random_modulus() {
  std::string bytes(256, '\0');
  randombytes_buf(bytes.data(), bytes.size());
  bytes.front() = static_cast<char>(bytes.front() | 0x80);
  bytes.back() = static_cast<char>(bytes.back() | 1);
  return base64url(bytes);
}

json::object jwk(const std::string& modulus) {
  return {{"kid", sha256_hex(modulus)},
          {"kty", "RSA"},
          {"alg", "RS256"},
          {"use", "sig"},
          {"e", "AQAB"},
          {"n", modulus}};
}

std::optional<json::object> object_of(std::string_view text) {
  boost::system::error_code error;
  json::value value = json::parse(json::string_view(text.data(), text.size()), error);
  if (error || !value.is_object()) return std::nullopt;
  return value.as_object();
}

std::string text_claim(const json::object& claims, const char* name) {
  const json::value* value = claims.if_contains(name);
  return value && value->is_string() ? std::string(value->as_string().c_str()) : std::string();
}

std::int64_t number_claim(const json::object& claims, const char* name) {
  const json::value* value = claims.if_contains(name);
  return value && value->is_int64() ? value->as_int64() : 0;
}

bool has_audience(const json::object& claims, const std::string& aud) {
  const json::value* list = claims.if_contains("aud");
  if (!list || !list->is_array()) return false;
  for (const json::value& item : list->as_array())
    if (item.is_string() && item.as_string() == aud) return true;
  return false;
}

json::object common_claims(const std::string& issuer, const char* type, std::int64_t ttl) {
  std::int64_t now = unix_now();
  return {{"iss", issuer},
          {"iat", now},
          {"nbf", now},
          {"exp", now + ttl},
          {"type", type},
          {"country", "ZZ"},
          {"identity_nonce", random_hex(8)}};
}

}  // namespace

Tokens::Tokens(const std::string& dir)
    : key_(load_or_make_rsa(dir + "/jwt-key.pem")),
      kid_(sha256_hex(modulus_of(key_.get()))),
      old_modulus_(random_modulus()) {}

std::string Tokens::app_token(const Identity& who, const std::string& aud, std::int64_t ttl) const {
  json::object claims = common_claims(claimed_issuer(), "app", ttl);
  claims["aud"] = json::array{aud};
  if (who.common_name.empty()) {
    claims["email"] = who.email;
    claims["sub"] = sha256_hex(who.email).substr(0, 32);
  } else {
    claims["common_name"] = who.common_name;
    claims["sub"] = "";
  }
  return sign(claims);
}

std::string Tokens::org_token(const std::string& email) const {
  json::object claims = common_claims(claimed_issuer(), "org", kOrgTokenSeconds);
  claims["aud"] = json::array{sha256_hex(issuer())};
  claims["email"] = email;
  claims["sub"] = sha256_hex(email).substr(0, 32);
  return sign(claims);
}

std::string Tokens::signature_of(std::string_view input) const {
  Context context(EVP_MD_CTX_new());
  std::size_t length = 0;
  if (EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key_.get()) != 1 ||
      EVP_DigestSign(context.get(), nullptr, &length, bytes_of(input), input.size()) != 1)
    throw std::runtime_error("cannot sign");
  std::string signature(length, '\0');
  if (EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &length,
                     bytes_of(input), input.size()) != 1)
    throw std::runtime_error("cannot sign");
  signature.resize(length);
  return signature;
}

std::string Tokens::sign(const json::object& claims, Signature signature) const {
  bool none = signature == Signature::none;
  json::object header{{"alg", none ? "none" : "RS256"}, {"kid", kid_}, {"typ", "JWT"}};
  std::string input = base64url(json::serialize(header)) + "." + base64url(json::serialize(claims));
  if (none) return input + ".";
  return input + "." + base64url(signature_of(signature == Signature::good ? input : input + "changed"));
}

std::optional<json::object> Tokens::verify(std::string_view token) const {
  std::size_t last = token.rfind('.');
  std::size_t first = token.find('.');
  if (last == std::string_view::npos || first == last) return std::nullopt;
  std::optional<std::string> signature = from_base64url(token.substr(last + 1));
  std::optional<std::string> claims = from_base64url(token.substr(first + 1, last - first - 1));
  if (!signature || !claims) return std::nullopt;
  std::string_view input = token.substr(0, last);
  Context context(EVP_MD_CTX_new());
  if (EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, key_.get()) != 1 ||
      EVP_DigestVerify(context.get(), bytes_of(*signature), signature->size(), bytes_of(input),
                       input.size()) != 1)
    return std::nullopt;
  return object_of(*claims);
}

Checked Tokens::check(std::string_view token, std::string_view type, const std::string* aud) const {
  std::optional<json::object> claims = verify(token);
  if (!claims || text_claim(*claims, "type") != type || text_claim(*claims, "iss") != claimed_issuer())
    return {};
  if (aud && !has_audience(*claims, *aud)) return {};
  Checked checked;
  checked.state = number_claim(*claims, "exp") > unix_now() ? Checked::State::good : Checked::State::expired;
  checked.who = {text_claim(*claims, "email"), text_claim(*claims, "common_name")};
  return checked;
}

Checked Tokens::check_app(std::string_view token, const std::string& aud) const {
  return check(token, "app", &aud);
}
Checked Tokens::check_any_app(std::string_view token) const {
  return check(token, "app", nullptr);
}
Checked Tokens::check_org(std::string_view token) const {
  return check(token, "org", nullptr);
}

std::string Tokens::key_set() const {
  json::object certificate{{"kid", kid_}, {"cert", certificate_over(key_.get(), auth_domain_)}};
  json::object set{{"keys", json::array{jwk(old_modulus_), jwk(modulus_of(key_.get()))}},
                   {"public_certs", json::array{certificate}}};
  return json::serialize(set);
}

std::int64_t Tokens::expiry(std::string_view token) {
  std::size_t first = token.find('.');
  std::size_t last = token.rfind('.');
  std::optional<std::string> claims = from_base64url(token.substr(first + 1, last - first - 1));
  std::optional<json::object> object = claims ? object_of(*claims) : std::nullopt;
  return object ? number_claim(*object, "exp") : 0;
}

}  // namespace edge_mock
