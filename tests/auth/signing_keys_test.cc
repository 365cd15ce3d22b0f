// What a token of an identity provider may be signed with, and what must not pass for a signature.
#include "auth/signing_keys.h"

#include <gtest/gtest.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/hmac.h>

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

#include "auth/base64.h"
#include "auth/jwks.h"
#include "auth/rsa_key.h"

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

TEST(SigningKeys, TokensCannotChooseWhatTheirSignatureIsTakenFor) {
  const PKey key = generate_rsa(2048);
  const json::object jwk = rsa_jwk(key.get(), "one");
  const std::string set = set_of(json::serialize(jwk) + "," + kA3Key + "," + kA4Key);
  for (const char* alg : {"HS256", "none", "None", "RS384", "PS256", "ES384", "", "rs256"}) {
    const std::string header = std::string(R"({"alg":")") + alg + R"(","kid":"one"})";
    EXPECT_EQ(check(set, hmac_token(header, std::string(jwk.at("n").get_string()))), Check::refused) << alg;
  }
  // The same bytes under the algorithm of another key.
  const std::string good = sign_rs256({{"sub", "ann"}}, "one", key.get());
  const std::string rest = good.substr(good.find('.'));
  for (const char* alg : {"ES256", "EdDSA"}) {
    const std::string header = std::string(R"({"alg":")") + alg + R"(","kid":"one"})";
    EXPECT_EQ(check(set, base64url(header) + rest), Check::refused) << alg;
  }
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

TEST(SigningKeys, AreBounded) {
  for (const char* text : {"", "[]", "{}", R"({"keys":{}})", R"({"keys":[]})", R"({"keys":[1]})"})
    EXPECT_FALSE(SigningKeys::parse(text)) << text;
  std::string many = kA3Key;
  for (std::size_t i = 0; i < kMaxJwksKeys; ++i) many += std::string(",") + kA3Key;
  EXPECT_FALSE(SigningKeys::parse(set_of(many)));
  EXPECT_FALSE(SigningKeys::parse(set_of(kA3Key) + std::string(kMaxJwksBytes, ' ')));
}

}  // namespace
}  // namespace cfpipe::auth
