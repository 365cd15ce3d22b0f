// What a token of an identity provider may be signed with, and what must not pass for a signature.
#include "auth/token/signing_keys.h"

#include <gtest/gtest.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

#include "auth/token/jwks.h"
#include "auth/token/rsa_key.h"
#include "base/base64.h"

namespace cfpipe::auth {
namespace {

namespace json = boost::json;
using Check = SigningKeys::Check;

/// RFC 7515 A.3: a P-256 key, and a token that it verifies.
constexpr const char* kA3Key =
    R"({"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",)"
    R"("y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"})";
constexpr const char* kA3Token =
    "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb2"
    "90Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";

/// RFC 8037 A.2 and A.4: an Ed25519 key, and a payload that it signed. The payload is no JSON, so the token
/// is put together by hand.
constexpr const char* kA4Key =
    R"({"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})";
constexpr const char* kA4Input = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
constexpr const char* kA4Signature =
    "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";

std::string set_of(std::string keys) {
  return "{\"keys\":[" + keys + "]}";
}

Check check(const std::string& set, std::string_view token) {
  const auto keys = SigningKeys::parse(set);
  const auto jwt = parse_jwt(token);
  EXPECT_TRUE(keys && jwt);
  return keys && jwt ? keys->check(*jwt) : Check::refused;
}

TEST(SigningKeys, VerifyTheTokenOfRfc7515) {
  EXPECT_EQ(check(set_of(kA3Key), kA3Token), Check::good);
  std::string bent = kA3Token;
  bent[bent.size() - 3] = bent[bent.size() - 3] == 'A' ? 'B' : 'A';
  EXPECT_NE(check(set_of(kA3Key), bent), Check::good);
}

TEST(SigningKeys, VerifyTheSignatureOfRfc8037) {
  Jwt jwt;
  jwt.header = {{"alg", "EdDSA"}};
  jwt.signing_input = kA4Input;
  jwt.signature = decode_base64url(kA4Signature).value();
  const auto keys = SigningKeys::parse(set_of(kA4Key));
  ASSERT_TRUE(keys);
  EXPECT_EQ(keys->check(jwt), Check::good);
  jwt.signing_input += "x";
  EXPECT_NE(keys->check(jwt), Check::good);
  jwt.signature.clear();
  EXPECT_NE(keys->check(jwt), Check::good);
}

TEST(SigningKeys, VerifyRsaWithAndWithoutAKeyId) {
  const PKey key = generate_rsa(2048);
  const json::object claims{{"sub", "ann"}};
  const std::string set = set_of(json::serialize(rsa_jwk(key.get(), "one")));
  EXPECT_EQ(check(set, sign_rs256(claims, "one", key.get())), Check::good);
  EXPECT_EQ(check(set, sign_rs256(claims, "two", key.get())), Check::unknown_key);
  const PKey other = generate_rsa(2048);
  EXPECT_EQ(check(set, sign_rs256(claims, "one", other.get())), Check::refused) << "worth no fetch";
}

/// A token under any header, "signed" by an HMAC over the public key's text: what key confusion is.
std::string hmac_token(const std::string& header, const std::string& key) {
  const std::string input = base64url(header) + "." + base64url(R"({"sub":"ann"})");
  std::string tag(32, '\0');
  unsigned size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(input.data()), input.size(),
       reinterpret_cast<unsigned char*>(tag.data()), &size);
  return input + "." + base64url(tag);
}

std::string header_of(const char* alg) {
  return std::string(R"({"alg":")") + alg + R"(","kid":"one"})";
}

TEST(SigningKeys, TokensCannotChooseWhatTheirSignatureIsTakenFor) {
  const PKey key = generate_rsa(2048);
  const json::object jwk = rsa_jwk(key.get(), "one");
  const std::string set = set_of(json::serialize(jwk) + "," + kA3Key + "," + kA4Key);
  const std::string n(jwk.at("n").get_string());
  for (const char* alg : {"RS384", "PS256", "ES384", "ES256", "EdDSA"})
    EXPECT_EQ(check(set, hmac_token(header_of(alg), n)), Check::refused) << alg;
  for (const char* alg : {"HS256", "none", "None", "", "rs256"})
    EXPECT_EQ(check(set, hmac_token(header_of(alg), n)), Check::unsupported) << alg;
  // The same bytes under the algorithm of another key.
  const std::string good = sign_rs256({{"sub", "ann"}}, "one", key.get());
  const std::string rest = good.substr(good.find('.'));
  for (const char* alg : {"ES256", "EdDSA", "PS256", "RS384"})
    EXPECT_EQ(check(set, base64url(header_of(alg)) + rest), Check::refused) << alg;
  EXPECT_EQ(check(set, base64url(R"({"alg":"RS256","kid":"one","crit":["x"],"x":1})") + rest),
            Check::refused);
}

TEST(SigningKeys, PassOverWhatTheyCannotUse) {
  const std::string off_the_curve =
      R"({"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",)"
      R"("y":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"})";
  for (const std::string& key :
       {off_the_curve, std::string(R"({"kty":"EC","crv":"P-384","x":"AA","y":"AA"})"),
        std::string(R"({"kty":"EC","crv":"P-256","x":"AA","y":"AA"})"),
        std::string(R"({"kty":"OKP","crv":"X25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})"),
        std::string(R"({"kty":"OKP","crv":"Ed25519","x":"AAAA"})"),
        std::string(R"({"kty":"oct","k":"AAAA","kid":"one"})"), std::string("{}")}) {
    EXPECT_FALSE(SigningKeys::parse(set_of(key))) << key;
    const auto keys = SigningKeys::parse(set_of(key + "," + kA3Key));
    EXPECT_TRUE(keys) << key;
  }
  EXPECT_FALSE(SigningKeys::parse(set_of(R"({"kty":"EC","use":"enc",)" + std::string(kA3Key).substr(12))));
}

/// A provider's key of any type, that signs and publishes as JOSE has it.
class Signer {
 public:
  Signer(const char* type, const char* curve) : type_(type), curve_(curve) {
    if (type_ == "RSA") key_ = generate_rsa(2048);
    if (type_ == "EC") key_ = PKey(EVP_EC_gen(curve));
    if (type_ == "OKP") key_ = PKey(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  }

  std::string jwk(const std::string& more) const {
    if (type_ == "RSA") {
      json::object out = rsa_jwk(key_.get(), "one");
      out.erase("alg");
      out.erase("use");
      const std::string text = json::serialize(out);
      return text.substr(0, text.size() - 1) + more + "}";
    }
    std::string name = "Ed25519";
    std::string numbers;
    if (type_ == "EC") {
      name = curve_;
      for (const auto& [member, param] :
           {std::pair{"x", OSSL_PKEY_PARAM_EC_PUB_X}, {"y", OSSL_PKEY_PARAM_EC_PUB_Y}})
        numbers += std::string(",\"") + member + "\":\"" + base64url(number(param)) + "\"";
    } else {
      std::string raw(32, '\0');
      std::size_t size = raw.size();
      EVP_PKEY_get_raw_public_key(key_.get(), reinterpret_cast<unsigned char*>(raw.data()), &size);
      numbers = ",\"x\":\"" + base64url(raw) + "\"";
    }
    return R"({"kid":"one","kty":")" + type_ + R"(","crv":")" + name + "\"" + numbers + more + "}";
  }

  std::string sign(const std::string& alg) const {
    const std::string input =
        base64url(R"({"kid":"one","alg":")" + alg + "\"}") + "." + base64url(R"({"sub":"ann"})");
    const EVP_MD* digest = alg.ends_with("256")   ? EVP_sha256()
                           : alg.ends_with("384") ? EVP_sha384()
                           : alg.ends_with("512") ? EVP_sha512()
                                                  : nullptr;
    const MdCtx ctx(EVP_MD_CTX_new());
    EVP_PKEY_CTX* details = nullptr;
    EVP_DigestSignInit(ctx.get(), &details, digest, nullptr, key_.get());
    if (alg.starts_with("PS")) {
      EVP_PKEY_CTX_set_rsa_padding(details, RSA_PKCS1_PSS_PADDING);
      EVP_PKEY_CTX_set_rsa_pss_saltlen(details, RSA_PSS_SALTLEN_DIGEST);
    }
    std::string signature(1024, '\0');
    std::size_t size = signature.size();
    EVP_DigestSign(ctx.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                   reinterpret_cast<const unsigned char*>(input.data()), input.size());
    signature.resize(size);
    return input + "." + base64url(type_ == "EC" ? two_numbers(signature) : signature);
  }

 private:
  std::size_t bytes() const { return (static_cast<std::size_t>(EVP_PKEY_get_bits(key_.get())) + 7) / 8; }

  std::string padded(const BIGNUM* number) const {
    std::string out(bytes(), '\0');
    BN_bn2binpad(number, reinterpret_cast<unsigned char*>(out.data()), static_cast<int>(out.size()));
    return out;
  }

  std::string number(const char* param) const {
    BIGNUM* raw = nullptr;
    EVP_PKEY_get_bn_param(key_.get(), param, &raw);
    const std::unique_ptr<BIGNUM, Free<BN_free>> number(raw);
    return padded(number.get());
  }

  std::string two_numbers(const std::string& der) const {
    const auto* at = reinterpret_cast<const unsigned char*>(der.data());
    const std::unique_ptr<ECDSA_SIG, Free<ECDSA_SIG_free>> numbers(
        d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())));
    return padded(ECDSA_SIG_get0_r(numbers.get())) + padded(ECDSA_SIG_get0_s(numbers.get()));
  }

  std::string type_;
  std::string curve_;
  PKey key_;
};

struct AlgorithmCase {
  const char* type;
  const char* curve;
  std::vector<std::string> algorithms;
};

TEST(SigningKeys, VerifyEveryAlgorithmOfTheirTypeAndNoOther) {
  for (const AlgorithmCase& test :
       {AlgorithmCase{"RSA", "", {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}},
        AlgorithmCase{"EC", "P-256", {"ES256"}}, AlgorithmCase{"EC", "P-384", {"ES384"}},
        AlgorithmCase{"EC", "P-521", {"ES512"}}, AlgorithmCase{"OKP", "", {"EdDSA", "Ed25519"}}}) {
    const Signer signer(test.type, test.curve);
    const Signer other(test.type, test.curve);
    for (const std::string& alg : test.algorithms) {
      const std::string token = signer.sign(alg);
      for (const std::string& more :
           {std::string(), R"(,"alg":")" + alg + "\"", std::string(R"(,"use":null,"alg":null)")})
        EXPECT_EQ(check(set_of(signer.jwk(more)), token), Check::good) << alg << more;
      EXPECT_EQ(check(set_of(other.jwk("")), token), Check::refused) << alg;
      EXPECT_FALSE(SigningKeys::parse(set_of(signer.jwk(R"(,"use":"enc")")))) << alg;
      EXPECT_FALSE(SigningKeys::parse(set_of(signer.jwk(R"(,"alg":"RSA-OAEP")")))) << alg;
      // What was signed under one algorithm is no signature under another one.
      for (const std::string_view taken : SigningKeys::kAlgorithms) {
        if (taken == alg || (alg.starts_with("Ed") && taken.starts_with("Ed"))) continue;
        const std::string header = base64url(header_of(std::string(taken).c_str()));
        EXPECT_EQ(check(set_of(signer.jwk("")), header + token.substr(token.find('.'))), Check::refused)
            << alg << " as " << taken;
      }
    }
    if (test.algorithms.size() > 2) {
      EXPECT_EQ(check(set_of(signer.jwk(R"(,"alg":"PS256")")), signer.sign("RS256")), Check::refused)
          << "a key that names an algorithm is for that one alone";
    }
  }
}

/// RFC 7515 A.4, whose payload is no JSON.
TEST(SigningKeys, VerifyTheEs512SignatureOfRfc7515) {
  Jwt jwt;
  jwt.header = {{"alg", "ES512"}};
  jwt.signing_input = "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA";
  jwt.signature =
      decode_base64url(
          "AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_7Xdt"
          "AG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn")
          .value();
  const auto keys = SigningKeys::parse(set_of(
      R"({"kty":"EC","crv":"P-521","x":"AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk",)"
      R"("y":"ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2"})"));
  ASSERT_TRUE(keys);
  EXPECT_EQ(keys->check(jwt), Check::good);
  jwt.signature[0] ^= 1;
  EXPECT_NE(keys->check(jwt), Check::good);
}

TEST(SigningKeys, OfManyTheOnesThatFitTheTokenAreTried) {
  const Signer signer("EC", "P-256");
  const std::string token = signer.sign("ES256");
  std::string many;
  for (std::size_t i = 1; i < kMaxSigningKeys; ++i)
    many += R"({"kid":"k)" + std::to_string(i) + "\"," + std::string(kA3Key).substr(1) + ",";
  EXPECT_EQ(check(set_of(many + signer.jwk("")), token), Check::good);
  EXPECT_FALSE(SigningKeys::parse(set_of(many + signer.jwk("") + "," + kA3Key))) << "one too many";
  // A token that names no key costs no more than so many tries.
  std::string same;
  for (std::size_t i = 1; i < kMaxKeysTried; ++i)
    same += R"({"kid":"one",)" + std::string(kA3Key).substr(1) + ",";
  EXPECT_EQ(check(set_of(same + signer.jwk("")), token), Check::good);
  same += R"({"kid":"one",)" + std::string(kA3Key).substr(1) + ",";
  EXPECT_EQ(check(set_of(same + signer.jwk("")), token), Check::refused);
}

TEST(SigningKeys, AreBounded) {
  for (const char* text : {"", "[]", "{}", R"({"keys":{}})", R"({"keys":[]})", R"({"keys":[1]})"})
    EXPECT_FALSE(SigningKeys::parse(text)) << text;
  std::string many = kA3Key;
  for (std::size_t i = 0; i < kMaxSigningKeys; ++i) many += std::string(",") + kA3Key;
  EXPECT_FALSE(SigningKeys::parse(set_of(many)));
  EXPECT_FALSE(SigningKeys::parse(set_of(kA3Key) + std::string(kMaxJwksBytes, ' ')));
}

}  // namespace
}  // namespace cfpipe::auth
