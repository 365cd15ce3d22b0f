#include "auth/token/jwks.h"

#include <gtest/gtest.h>
#include <openssl/ec.h>

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "auth/jose_vectors.h"
#include "auth/token/rsa_key.h"

namespace cfpipe::auth {
namespace {

namespace json = boost::json;

EVP_PKEY* first_key() {
  static const PKey key = generate_rsa(2048);
  return key.get();
}
EVP_PKEY* second_key() {
  static const PKey key = generate_rsa(2048);
  return key.get();
}

std::string rsa_set(std::initializer_list<json::object> keys) {
  json::object set;
  set["keys"] = json::array(keys.begin(), keys.end());
  return json::serialize(set);
}

bool set_verifies(const KeySet& keys, const std::string& token) {
  const auto jwt = parse_jwt(token);
  EXPECT_TRUE(jwt);
  return jwt && keys.verifies(*jwt);
}

void expect_set_refused(std::string_view text) {
  const auto keys = KeySet::parse(text);
  ASSERT_TRUE(keys.has_error()) << text.substr(0, 200);
  EXPECT_EQ(keys.error().stage, Stage::application);
  EXPECT_EQ(keys.error().cause, Cause::metadata_invalid);
}

TEST(Jwks, ReadsTheExampleOfRfc7517AndItsThumbprintOfRfc7638) {
  const auto keys = KeySet::parse(vectors::kRfc7517Set);
  ASSERT_TRUE(keys);
  EXPECT_TRUE(keys->has("2011-04-29"));
  EXPECT_FALSE(keys->has("1")) << "an elliptic curve key for encryption is of no use here";
  const json::value set = json::parse({vectors::kRfc7517Set.data(), vectors::kRfc7517Set.size()});
  const json::object& jwk = set.at("keys").at(1).as_object();
  const PKey key = rsa_from_jwk(jwk);
  ASSERT_TRUE(key);
  EXPECT_EQ(rsa_thumbprint(key.get()), vectors::kRfc7638Thumbprint);
  const json::object back = rsa_jwk(key.get(), "2011-04-29");
  EXPECT_EQ(back.at("n"), jwk.at("n"));
  EXPECT_EQ(back.at("e"), "AQAB");
  EXPECT_EQ(back.at("alg"), "RS256");
  EXPECT_EQ(back.at("use"), "sig");
  EXPECT_EQ(back.size(), 6U) << "nothing of the private half";
}

TEST(Jwks, ReadsWhatItWrites) {
  const auto keys = KeySet::parse(rsa_set({rsa_jwk(first_key(), "a"), rsa_jwk(second_key(), "b")}));
  ASSERT_TRUE(keys);
  EXPECT_TRUE(set_verifies(*keys, sign_rs256({}, "a", first_key())));
  EXPECT_TRUE(set_verifies(*keys, sign_rs256({}, "b", second_key())));
}

TEST(Jwks, RefusesTheRightKeyUnderAnotherKid) {
  const auto keys = KeySet::parse(rsa_set({rsa_jwk(first_key(), "a"), rsa_jwk(second_key(), "b")}));
  ASSERT_TRUE(keys);
  EXPECT_FALSE(set_verifies(*keys, sign_rs256({}, "b", first_key())));
  EXPECT_FALSE(set_verifies(*keys, sign_rs256({}, "c", first_key())));
  EXPECT_FALSE(set_verifies(*keys, sign_rs256({}, "", first_key())));
  EXPECT_FALSE(keys->has("c"));
  EXPECT_FALSE(keys->has(""));
}

TEST(Jwks, TriesEveryKeyOfOneKid) {
  const auto keys = KeySet::parse(rsa_set({rsa_jwk(first_key(), "a"), rsa_jwk(second_key(), "a")}));
  ASSERT_TRUE(keys);
  EXPECT_TRUE(set_verifies(*keys, sign_rs256({}, "a", first_key())));
  EXPECT_TRUE(set_verifies(*keys, sign_rs256({}, "a", second_key())));
}

TEST(Jwks, TakesTheKeySetOfAnEdgeWithItsOtherMembers) {
  json::object set;
  set["keys"] = json::array{rsa_jwk(first_key(), "a")};
  set["public_cert"] = nullptr;
  set["public_certs"] = json::array{json::object{{"kid", "a"}, {"cert", "-----BEGIN CERTIFICATE-----"}}};
  EXPECT_TRUE(KeySet::parse(json::serialize(set)));
}

TEST(Jwks, PassesOverKeysOfOtherKinds) {
  const auto changed = [](json::string_view name, json::value value) {
    json::object jwk = rsa_jwk(first_key(), "other");
    jwk[name] = std::move(value);
    return jwk;
  };
  json::object nameless = rsa_jwk(first_key(), "other");
  nameless.erase("kid");
  for (const json::object& other : {changed("kty", "EC"),
                                    changed("kty", "oct"),
                                    changed("kty", 1),
                                    changed("use", "enc"),
                                    changed("use", 1),
                                    changed("alg", "RS512"),
                                    changed("alg", "HS256"),
                                    changed("n", ""),
                                    changed("n", "AQ=="),
                                    changed("n", "!!"),
                                    changed("n", 5),
                                    changed("e", ""),
                                    changed("e", "AQ"),
                                    changed("e", "AA"),
                                    changed("e", "Ag"),
                                    changed("e", "AQABAQABAQABAQAB"),
                                    changed("kid", ""),
                                    changed("kid", 7),
                                    nameless,
                                    rsa_jwk(generate_rsa(1024).get(), "other"),
                                    changed("n", json::string(3000, 'B'))}) {
    const auto keys = KeySet::parse(rsa_set({other, rsa_jwk(second_key(), "good")}));
    ASSERT_TRUE(keys) << json::serialize(other);
    EXPECT_FALSE(keys->has("other")) << json::serialize(other);
    EXPECT_TRUE(keys->has("good"));
    expect_set_refused(rsa_set({other}));
  }
}

TEST(Jwks, RefusesWhatIsNoKeySet) {
  for (const std::string_view text :
       {"", "{}", "[]", "null", R"({"keys":{}})", R"({"keys":[]})", R"({"keys":[1]})", R"({"keys":["x"]})",
        R"({"keys":[[]]})", R"({"keys":null})", "<html>", R"({"keys":[],"keys":[]})"}) {
    expect_set_refused(text);
  }
  expect_set_refused(std::string(vectors::kRfc7517Set) + "x");
}

TEST(Jwks, RefusesMoreThanTheBounds) {
  json::array keys;
  for (std::size_t i = 0; i < kMaxJwksKeys; ++i) keys.emplace_back(rsa_jwk(first_key(), std::to_string(i)));
  json::object set;
  set["keys"] = keys;
  EXPECT_TRUE(KeySet::parse(json::serialize(set)));
  keys.emplace_back(rsa_jwk(first_key(), "one more"));
  set["keys"] = keys;
  expect_set_refused(json::serialize(set));

  std::string padded = rsa_set({rsa_jwk(first_key(), "a")});
  padded.append(kMaxJwksBytes - padded.size(), ' ');
  EXPECT_TRUE(KeySet::parse(padded));
  expect_set_refused(padded + ' ');
}

TEST(RsaKey, ComesBackFromItsPem) {
  const Secret pem = rsa_private_pem(first_key());
  EXPECT_EQ(pem.reveal().substr(0, 27), "-----BEGIN PRIVATE KEY-----");
  const auto key = rsa_from_pem(pem.reveal());
  ASSERT_TRUE(key);
  EXPECT_EQ(EVP_PKEY_eq(key->get(), first_key()), 1);
  EXPECT_NE(sign_rs256({}, "a", key->get()), "");
}

TEST(RsaKey, RefusesOtherPem) {
  const Secret small = rsa_private_pem(generate_rsa(1024).get());
  const Secret curve = rsa_private_pem(PKey(EVP_EC_gen("P-256")).get());
  const Secret whole = rsa_private_pem(first_key());
  for (const std::string_view pem : {std::string_view(), std::string_view("x"), small.reveal(),
                                     curve.reveal(), whole.reveal().substr(0, whole.reveal().size() / 2)}) {
    const auto key = rsa_from_pem(pem);
    ASSERT_TRUE(key.has_error());
    EXPECT_EQ(key.error().cause, Cause::key_unusable);
  }
  const json::value set = json::parse({vectors::kRfc7517Set.data(), vectors::kRfc7517Set.size()});
  EXPECT_TRUE(rsa_private_pem(rsa_from_jwk(set.at("keys").at(1).as_object()).get()).empty());
}

}  // namespace
}  // namespace cfpipe::auth
