#include "auth/token/jwt.h"

#include <gmock/gmock.h>
#include <openssl/ec.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <limits>

#include "auth/jose_vectors.h"
#include "auth/token/jwks.h"
#include "auth/token/rsa_key.h"
#include "base/base64.h"

namespace cfpipe::auth {
namespace {

namespace json = boost::json;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

EVP_PKEY* test_key() {
  static const PKey key = generate_rsa(2048);
  return key.get();
}

PKey a2_key() {
  json::object jwk;
  jwk["kty"] = "RSA";
  jwk["n"] = json::string_view(vectors::kA2Modulus.data(), vectors::kA2Modulus.size());
  jwk["e"] = "AQAB";
  return rsa_from_jwk(jwk);
}

std::string compact(std::string_view header, std::string_view claims, std::string_view signature = "sig") {
  return base64url(header) + '.' + base64url(claims) + '.' + base64url(signature);
}

/// A token whose header and claims are these texts, signed with RS256 whatever the header says.
std::string signed_text(std::string_view header, std::string_view claims, EVP_PKEY* key) {
  const std::string input = base64url(header) + '.' + base64url(claims);
  const MdCtx ctx(EVP_MD_CTX_new());
  std::string signature(static_cast<std::size_t>(EVP_PKEY_get_size(key)), '\0');
  std::size_t size = signature.size();
  EXPECT_EQ(EVP_DigestSignInit(ctx.get(), nullptr, EVP_sha256(), nullptr, key), 1);
  EXPECT_EQ(EVP_DigestSign(ctx.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                           reinterpret_cast<const unsigned char*>(input.data()), input.size()),
            1);
  return input + '.' + base64url(signature);
}

bool verifies(std::string_view token, EVP_PKEY* key) {
  const auto jwt = parse_jwt(token);
  return jwt && verify_rs256(*jwt, key);
}

void expect_refused(std::string_view token) {
  const auto jwt = parse_jwt(token);
  ASSERT_TRUE(jwt.has_error()) << token.substr(0, 100);
  EXPECT_EQ(jwt.error().stage, Stage::token);
  EXPECT_EQ(jwt.error().cause, Cause::token_invalid);
  EXPECT_FALSE(jwt.error().detail.empty());
}

TEST(Jwt, VerifiesTheRs256ExampleOfRfc7515) {
  const auto jwt = parse_jwt(vectors::kA2Token);
  ASSERT_TRUE(jwt);
  EXPECT_EQ(jwt->text("iss"), "joe");
  EXPECT_EQ(jwt->number("exp"), 1300819380);
  EXPECT_EQ(jwt->signature.size(), 256U);
  EXPECT_TRUE(verify_rs256(*jwt, a2_key().get()));
}

TEST(Jwt, RefusesAnyChangedByteOfTheExample) {
  const PKey key = a2_key();
  for (std::size_t i = 0; i < vectors::kA2Token.size(); i += 7) {
    std::string changed(vectors::kA2Token);
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(verifies(changed, key.get())) << i;
  }
}

TEST(Jwt, RefusesAnotherKey) {
  EXPECT_FALSE(verifies(vectors::kA2Token, test_key()));
}

TEST(Jwt, SignsWhatItVerifies) {
  json::object claims;
  claims["email"] = "ann@example.com";
  claims["exp"] = 1700000000;
  const std::string token = sign_rs256(claims, "key-1", test_key());
  const auto jwt = parse_jwt(token);
  ASSERT_TRUE(jwt);
  EXPECT_EQ(json::serialize(jwt->header), R"({"alg":"RS256","kid":"key-1","typ":"JWT"})");
  EXPECT_EQ(jwt->kid(), "key-1");
  EXPECT_EQ(jwt->claims, claims);
  EXPECT_TRUE(verify_rs256(*jwt, test_key()));
}

TEST(Jwt, DoesNotSignWithoutAPrivateRsaKeyOfEnoughBits) {
  EXPECT_EQ(sign_rs256({}, "k", nullptr), "");
  EXPECT_EQ(sign_rs256({}, "k", a2_key().get()), "");
  EXPECT_EQ(sign_rs256({}, "k", generate_rsa(1024).get()), "");
  EXPECT_EQ(sign_rs256({}, "k", PKey(EVP_EC_gen("P-256")).get()), "");
}

TEST(Jwt, RefusesAlgNone) {
  expect_refused(base64url(R"({"alg":"none"})") + '.' + base64url("{}") + '.');
  EXPECT_FALSE(verifies(compact(R"({"alg":"none"})", "{}"), test_key()));
  EXPECT_FALSE(verifies(signed_text(R"({"alg":"none"})", "{}", test_key()), test_key()));
}

TEST(Jwt, RefusesHs256) {
  ASSERT_TRUE(parse_jwt(vectors::kA1Token));
  EXPECT_FALSE(verifies(vectors::kA1Token, test_key()));
}

TEST(Jwt, RefusesAnHmacMadeWithThePublicKeyAsItsSecret) {
  BIO* bio = BIO_new(BIO_s_mem());
  ASSERT_EQ(PEM_write_bio_PUBKEY(bio, test_key()), 1);
  char* pem = nullptr;
  const auto pem_size = static_cast<int>(BIO_get_mem_data(bio, &pem));
  const std::string input = base64url(R"({"alg":"HS256"})") + '.' + base64url("{}");
  unsigned char mac[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  HMAC(EVP_sha256(), pem, pem_size, reinterpret_cast<const unsigned char*>(input.data()), input.size(), mac,
       &size);
  BIO_free(bio);
  const std::string token = input + '.' + base64url({reinterpret_cast<char*>(mac), size});
  ASSERT_TRUE(parse_jwt(token));
  EXPECT_FALSE(verifies(token, test_key()));
}

TEST(Jwt, RefusesEverySpellingOfAlgButRs256) {
  ASSERT_TRUE(verifies(signed_text(R"({"alg":"RS256"})", "{}", test_key()), test_key()));
  for (const std::string_view header :
       {R"({})", R"({"alg":"rs256"})", R"({"alg":"RS256 "})", R"({"alg":["RS256"]})", R"({"alg":null})",
        R"({"alg":"RS384"})", R"({"alg":"PS256"})", R"({"ALG":"RS256"})", R"({"alg":"RS256\u0000"})"}) {
    EXPECT_FALSE(verifies(signed_text(header, "{}", test_key()), test_key())) << header;
  }
}

TEST(Jwt, RefusesCriticalExtensions) {
  EXPECT_FALSE(
      verifies(signed_text(R"({"alg":"RS256","crit":["exp"],"exp":1})", "{}", test_key()), test_key()));
  EXPECT_FALSE(verifies(signed_text(R"({"alg":"RS256","crit":[]})", "{}", test_key()), test_key()));
}

TEST(Jwt, RefusesAShortRsaKey) {
  const PKey small = generate_rsa(1024);
  EXPECT_FALSE(verifies(signed_text(R"({"alg":"RS256"})", "{}", small.get()), small.get()));
}

TEST(Jwt, RefusesAKeyOfAnotherKind) {
  const PKey ec(EVP_EC_gen("P-256"));
  EXPECT_FALSE(verifies(vectors::kA2Token, ec.get()));
  EXPECT_FALSE(verifies(vectors::kA2Token, nullptr));
}

TEST(Jwt, RefusesAnythingButThreeParts) {
  const std::string good = compact(R"({"alg":"RS256"})", "{}");
  ASSERT_TRUE(parse_jwt(good));
  for (const std::string& token : {std::string(), std::string("."), std::string(".."), std::string("..."),
                                   good + ".", good + ".AAAA", "." + good, good.substr(0, good.rfind('.')),
                                   good.substr(0, good.rfind('.') + 1), good + '.' + good}) {
    expect_refused(token);
  }
}

TEST(Jwt, RefusesTrailingAndLeadingBytes) {
  const std::string good = compact(R"({"alg":"RS256"})", "{}");
  for (const std::string& token :
       {good + "\n", good + " ", " " + good, good + "=", good + std::string(1, '\0')}) {
    expect_refused(token);
  }
}

TEST(Jwt, RefusesPaddingAndTheStandardAlphabet) {
  const std::string claims = base64url(R"({"a":">>>???"})");
  ASSERT_NE(claims.find_first_of("-_"), std::string::npos);
  std::string standard = claims;
  for (char& c : standard) c = c == '-' ? '+' : c == '_' ? '/' : c;
  const std::string header = base64url(R"({"alg":"RS256"})");
  ASSERT_TRUE(parse_jwt(header + '.' + claims + ".AAAA"));
  expect_refused(header + '.' + standard + ".AAAA");
  expect_refused(header + '.' + base64url("{} ") + '.' + "AA==");
  expect_refused(header + '.' + base64url_padded("{}") + ".AAAA");
}

TEST(Jwt, PaddingIsNamed) {
  const std::string header = base64url(R"({"alg":"RS256"})");
  for (const std::string& token :
       {header + '.' + base64url("{} ") + ".AA==", header + '.' + base64url_padded("{}") + ".AAAA",
        base64url_padded(R"({"alg":"RS256"})") + "=." + base64url("{} ") + ".AAAA"}) {
    const auto refused = parse_jwt(token);
    ASSERT_FALSE(refused) << token;
    EXPECT_EQ(refused.error().detail, "token is padded with '=', which a JWT must not be (RFC 7515)")
        << token;
  }
}

TEST(Jwt, RefusesPartsThatAreNotOneJsonObject) {
  for (const std::string_view part :
       {"", "[]", "\"x\"", "1", "null", "{", "{}{}", "{} x", "{\"a\":1,}", "{'a':1}", "// c\n{}",
        "{\"a\":\"\xff\"}", "\xef\xbb\xbf{}", "{\"a\":NaN}"}) {
    expect_refused(compact(part, "{}"));
    expect_refused(compact(R"({"alg":"RS256"})", part));
  }
}

TEST(Jwt, RefusesNamesThatOccurTwice) {
  expect_refused(compact(R"({"alg":"none","alg":"RS256"})", "{}"));
  expect_refused(compact(R"({"alg":"RS256"})", R"({"aud":"a","exp":1,"aud":"b"})"));
  expect_refused(compact(R"({"alg":"RS256"})", R"({"x":[{"y":1,"\u0079":2}]})"));
  EXPECT_TRUE(parse_jwt(compact(R"({"alg":"RS256"})", R"({"a":{"x":1},"b":{"x":1},"x":[{"x":2},{"x":3}]})")));
}

TEST(Jwt, RefusesNestingThatIsTooDeep) {
  const auto nested = [](std::size_t depth) {
    return R"({"a":)" + std::string(depth, '[') + std::string(depth, ']') + '}';
  };
  EXPECT_TRUE(parse_jwt(compact("{}", nested(8))));
  expect_refused(compact("{}", nested(100)));
  expect_refused(compact("{}", nested(10000)));
}

TEST(Jwt, RefusesMoreThanTheBound) {
  const auto of_size = [](std::size_t size) {
    std::string token = compact("{}", "{}", "") + "AA";
    return token + std::string(size - token.size(), 'A');
  };
  // A length of 4n+1 digits is no base64 at all, so the signature's length is kept at 4n.
  std::string at_bound = of_size(kMaxJwtBytes);
  while (!parse_jwt(at_bound) && at_bound.size() > kMaxJwtBytes - 4) at_bound.pop_back();
  EXPECT_TRUE(parse_jwt(at_bound));
  at_bound.append(4, 'A');
  expect_refused(at_bound);
  expect_refused(std::string(10 * kMaxJwtBytes, '.'));
}

TEST(Jwt, ReadsClaimsByType) {
  const auto jwt = parse_jwt(compact(
      "{}",
      R"({"s":"x","n":5,"neg":-5,"d":1.5,"negd":-1.5,"now":1795919000.123,"exp":1e3,"big":18446744073709551615,"huge":1e999,"nan":0e999999999,"t":true,"z":null})"));
  ASSERT_TRUE(jwt);
  EXPECT_EQ(jwt->text("s"), "x");
  EXPECT_EQ(jwt->text("n"), "");
  EXPECT_EQ(jwt->text("absent"), "");
  EXPECT_EQ(jwt->number("n"), 5);
  EXPECT_EQ(jwt->number("neg"), -5);
  EXPECT_EQ(jwt->number("exp"), 1000);
  EXPECT_EQ(jwt->time("d"), 1) << "rounded down (RFC 7519 2)";
  EXPECT_EQ(jwt->time("negd"), -2);
  EXPECT_EQ(jwt->time("now"), 1795919000);
  EXPECT_EQ(jwt->time("big"), std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(jwt->time("huge"), std::int64_t{1} << 53);
  for (const std::string_view claim : {"s", "t", "z", "absent"}) {
    EXPECT_EQ(jwt->number(claim), 0) << claim;
    EXPECT_FALSE(jwt->time(claim)) << claim;
  }
  EXPECT_EQ(jwt->kid(), "");
  EXPECT_FALSE(jwt->time("nan")) << "zero times more than a double can hold";
}

TEST(Jwt, ReadsAudAsStringAndAsArray) {
  const auto audience = [](std::string_view claims) {
    const auto jwt = parse_jwt(compact("{}", claims));
    EXPECT_TRUE(jwt) << claims;
    return jwt ? jwt->audience() : std::vector<std::string>{"unparsed"};
  };
  EXPECT_THAT(audience(R"({"aud":"one"})"), ElementsAre("one"));
  EXPECT_THAT(audience(R"({"aud":["one","two"]})"), ElementsAre("one", "two"));
  for (const std::string_view claims : {R"({})", R"({"aud":[]})", R"({"aud":null})", R"({"aud":1})",
                                        R"({"aud":["one",2]})", R"({"aud":{"0":"one"}})"}) {
    EXPECT_THAT(audience(claims), IsEmpty()) << claims;
  }
}

}  // namespace
}  // namespace cfpipe::auth
