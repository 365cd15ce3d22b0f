// What is believed of an ID token, and of the person that it is about.
#include "edge/oidc/claims.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <functional>

namespace cfpipe::edge {
namespace {

namespace json = boost::json;

constexpr std::int64_t kNow = 1'800'000'000;

OidcConfig config() {
  OidcConfig out;
  out.issuer = "https://idp.example.com";
  out.client_id = "cfpipe";
  return out;
}

auth::Jwt good_token() {
  auth::Jwt jwt;
  jwt.claims = {{"iss", "https://idp.example.com"},
                {"aud", "cfpipe"},
                {"sub", "248289761001"},
                {"nonce", "n-0S6"},
                {"iat", kNow},
                {"exp", kNow + 600}};
  return jwt;
}

struct TokenCase {
  const char* name;
  std::function<void(json::object&)> change;
  const char* says;  ///< null: it is taken
};
class IdToken : public ::testing::TestWithParam<TokenCase> {};

TEST_P(IdToken, IsChecked) {
  auth::Jwt jwt = good_token();
  GetParam().change(jwt.claims);
  const auto checked = check_id_token(jwt, config(), "n-0S6", kNow);
  if (GetParam().says == nullptr) {
    EXPECT_TRUE(checked) << checked.error().detail;
  } else {
    ASSERT_FALSE(checked);
    EXPECT_EQ(checked.error().cause, Cause::token_invalid);
    EXPECT_NE(checked.error().detail.find(GetParam().says), std::string::npos) << checked.error().detail;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Table, IdToken,
    ::testing::
        Values(TokenCase{"Good", [](json::object&) {}, nullptr},
               TokenCase{"AudienceList", [](json::object& c) { c["aud"] = {"cfpipe"}; }, nullptr},
               TokenCase{"AuthorizedParty",
                         [](json::object& c) {
                           c["aud"] = {"cfpipe", "other"};
                           c["azp"] = "cfpipe";
                         },
                         nullptr},
               TokenCase{"SeveralAudiences",
                         [](json::object& c) {
                           c["aud"] = {"cfpipe", "other"};
                         },
                         nullptr},
               TokenCase{"SeveralAudiencesForAnotherParty",
                         [](json::object& c) {
                           c["aud"] = {"cfpipe", "other"};
                           c["azp"] = "other";
                         },
                         "another client"},
               TokenCase{"SeveralAudiencesWithoutUs",
                         [](json::object& c) {
                           c["aud"] = {"other", "others"};
                           c["azp"] = "cfpipe";
                         },
                         "another client"},
               TokenCase{"PartyOfAnotherType", [](json::object& c) { c["azp"] = 7; }, "another client"},
               TokenCase{"OtherParty", [](json::object& c) { c["azp"] = "other"; }, "another client"},
               TokenCase{"OtherAudience", [](json::object& c) { c["aud"] = "other"; }, "another client"},
               TokenCase{"NoAudience", [](json::object& c) { c.erase("aud"); }, "another client"},
               TokenCase{"AudienceOfNumbers",
                         [](json::object& c) {
                           c["aud"] = {"cfpipe", 7};
                         },
                         "another client"},
               TokenCase{"OtherIssuer", [](json::object& c) { c["iss"] = "https://idp.example.com/"; },
                         "another issuer"},
               TokenCase{"NoIssuer", [](json::object& c) { c.erase("iss"); }, "another issuer"},
               TokenCase{"JustExpired", [](json::object& c) { c["exp"] = kNow - kProviderClockSkew + 1; },
                         nullptr},
               TokenCase{"Expired", [](json::object& c) { c["exp"] = kNow - kProviderClockSkew; }, "expired"},
               TokenCase{"NoExpiry", [](json::object& c) { c.erase("exp"); }, "when it expires"},
               TokenCase{"ExpiryAsText", [](json::object& c) { c["exp"] = "9999999999"; },
                         "'exp' that is not a number"},
               TokenCase{"ExpiryNull", [](json::object& c) { c["exp"] = nullptr; }, "when it expires"},
               TokenCase{"MadeAsText", [](json::object& c) { c["iat"] = "1"; }, "'iat' that is not a number"},
               TokenCase{"NotBeforeAsText", [](json::object& c) { c["nbf"] = "1"; },
                         "'nbf' that is not a number"},
               TokenCase{"NotBeforeNull", [](json::object& c) { c["nbf"] = nullptr; }, nullptr},
               TokenCase{"SubjectAsNumber", [](json::object& c) { c["sub"] = 7; },
                         "'sub' that is not a string"},
               TokenCase{"NonceAsNumber", [](json::object& c) { c["nonce"] = 7; },
                         "'nonce' that is not a string"},
               TokenCase{
                   "Fractions",
                   [](json::object& c) {
                     c["iat"] = static_cast<double>(kNow) + 0.123;
                     c["nbf"] = static_cast<double>(kNow) - 0.5;
                     c["exp"] = static_cast<double>(kNow) + 600.9;
                   },
                   nullptr},
               TokenCase{
                   "ExpiredByAFraction",
                   [](json::object& c) { c["exp"] = static_cast<double>(kNow - kProviderClockSkew) + 0.9; },
                   "expired"},
               TokenCase{"ClockAhead", [](json::object& c) { c["iat"] = kNow + kProviderClockSkew; },
                         nullptr},
               TokenCase{"FromTheFuture", [](json::object& c) { c["iat"] = kNow + kProviderClockSkew + 1; },
                         "future"},
               TokenCase{"NotYet", [](json::object& c) { c["nbf"] = kNow + kProviderClockSkew + 1; },
                         "future"},
               TokenCase{"NoTime", [](json::object& c) { c.erase("iat"); }, "when it was made"},
               TokenCase{"OtherNonce", [](json::object& c) { c["nonce"] = "n-0S7"; }, "another sign-in"},
               TokenCase{"NoNonce", [](json::object& c) { c.erase("nonce"); }, "another sign-in"},
               TokenCase{"NoSubject", [](json::object& c) { c.erase("sub"); }, "who it is about"},
               TokenCase{"LongSubject",
                         [](json::object& c) { c["sub"] = std::string(kMaxSubjectBytes + 1, 's'); },
                         "who it is about"}),
    [](const auto& param) { return param.param.name; });

TEST(IdTokenNonce, IsNeverEmpty) {
  auth::Jwt jwt = good_token();
  jwt.claims["nonce"] = "";
  EXPECT_FALSE(check_id_token(jwt, config(), "", kNow));
}

json::object object(const char* text) {
  return text == nullptr ? json::object() : json::parse(text).as_object();
}

struct PersonCase {
  const char* name;
  const char* id_claims;
  const char* userinfo;  ///< null: not asked
  const char* email;     ///< null: refused
};
class PersonTable : public ::testing::TestWithParam<PersonCase> {};

TEST_P(PersonTable, HasAVerifiedAddressOrIsRefused) {
  const PersonCase& test = GetParam();
  const auto person = person_of(object(test.id_claims), UserInfo{object(test.userinfo)}, config(), {});
  ASSERT_EQ(person.has_value(), test.email != nullptr) << (person ? person->email : person.error().detail);
  if (person) {
    EXPECT_EQ(person->email, test.email);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Table, PersonTable,
    ::testing::Values(PersonCase{"InTheToken", R"({"sub":"1","email":"ann@x.org","email_verified":true})",
                                 nullptr, "ann@x.org"},
                      PersonCase{"VerifiedAsText",
                                 R"({"sub":"1","email":"ann@x.org","email_verified":"true"})", nullptr,
                                 "ann@x.org"},
                      PersonCase{"InUserinfo", R"({"sub":"1"})",
                                 R"({"sub":"1","email":"ann@x.org","email_verified":true})", "ann@x.org"},
                      PersonCase{"VerifiedInUserinfo", R"({"sub":"1","email":"ann@x.org"})",
                                 R"({"sub":"1","email":"Ann@x.org","email_verified":true})", "ann@x.org"},
                      PersonCase{"OtherAddressVerified", R"({"sub":"1","email":"ann@x.org"})",
                                 R"({"sub":"1","email":"eve@x.org","email_verified":true})", nullptr},
                      PersonCase{"VerifiedWithoutAddress", R"({"sub":"1","email":"ann@x.org"})",
                                 R"({"sub":"1","email_verified":true})", nullptr},
                      PersonCase{"TokenSaysNo", R"({"sub":"1","email":"ann@x.org","email_verified":false})",
                                 R"({"sub":"1","email":"ann@x.org","email_verified":true})", nullptr},
                      PersonCase{"TokenVerifiesAnother", R"({"sub":"1","email_verified":true})",
                                 R"({"sub":"1","email":"ann@x.org"})", nullptr},
                      PersonCase{"Unverified", R"({"sub":"1","email":"ann@x.org","email_verified":false})",
                                 nullptr, nullptr},
                      PersonCase{"NothingSaid", R"({"sub":"1","email":"ann@x.org"})", nullptr, nullptr},
                      PersonCase{"VerifiedIsOne", R"({"sub":"1","email":"ann@x.org","email_verified":1})",
                                 nullptr, nullptr},
                      PersonCase{"NoAddress", R"({"sub":"1","email_verified":true})", nullptr, nullptr},
                      PersonCase{"AddressList", R"({"sub":"1","email":["ann@x.org"],"email_verified":true})",
                                 nullptr, nullptr},
                      PersonCase{"NoAddressAtAll",
                                 R"({"sub":"1","email":"-oProxy@x.org","email_verified":true})", nullptr,
                                 nullptr},
                      PersonCase{"UserinfoOfAnother", R"({"sub":"1"})",
                                 R"({"sub":"2","email":"ann@x.org","email_verified":true})", nullptr},
                      PersonCase{"UserinfoWithoutAUser", R"({"sub":"1"})",
                                 R"({"email":"ann@x.org","email_verified":true})", nullptr}),
    [](const auto& param) { return param.param.name; });

TEST(Person, MayHaveTheAddressInAnotherClaim) {
  OidcConfig entra = config();
  entra.allow_unverified_email = true;
  entra.email_claim = "preferred_username";
  const auto id = object(R"({"sub":"1","email":"other@x.org","preferred_username":"ann@x.org"})");
  EXPECT_FALSE(needs_address(id, entra));
  ASSERT_TRUE(person_of(id, {}, entra, {}));
  EXPECT_EQ(person_of(id, {}, entra, {})->email, "ann@x.org") << "that claim alone";
  const auto without = object(R"({"sub":"1","email":"other@x.org"})");
  EXPECT_TRUE(needs_address(without, entra));
  EXPECT_EQ(person_of(without, {}, entra, {}).error().detail,
            "your identity provider does not say what your email address is (claim 'preferred_username')");
  EXPECT_EQ(person_of(without, {object(R"({"sub":"1","preferred_username":"ann@x.org"})")}, entra, {})->email,
            "ann@x.org");
  entra.email_claim = "a.b";
  EXPECT_EQ(person_of(object(R"({"sub":"1","a":{"b":"ann@x.org"}})"), {}, entra, {})->email, "ann@x.org");
}

TEST(Person, IsToldThatTheAddressIsThereInAnotherForm) {
  const auto list = object(R"({"sub":"1","email":["ann@x.org"],"email_verified":true})");
  EXPECT_NE(person_of(list, {}, config(), {}).error().detail.find("not a string"), std::string::npos);
}

TEST(Person, NullIsAbsent) {
  const auto id = object(R"({"sub":"1","email":null,"email_verified":null})");
  EXPECT_TRUE(needs_address(id, config()));
  const UserInfo info{object(R"({"sub":"1","email":"ann@x.org","email_verified":true})")};
  ASSERT_TRUE(person_of(id, info, config(), {}));
  EXPECT_TRUE(
      person_of(object(R"({"sub":"1","email":"ann@x.org","email_verified":null})"), info, config(), {}));
}

TEST(Person, HasClaimsFromWithinOthers) {
  const WantedClaims wanted{false, {"posix.name"}};
  const auto id = object(R"({"sub":"1","email":"ann@x.org","email_verified":true,"posix":{"name":"ann"}})");
  EXPECT_FALSE(needs_userinfo(id, config(), wanted));
  EXPECT_EQ(person_of(id, {}, config(), wanted)->claims, (Claims{{"posix.name", {"ann"}}}));
}

TEST(SignedUserinfo, IsOfThisIssuerForThisClientWhereItSaysSo) {
  auth::Jwt jwt;
  for (const char* good : {R"({"sub":"1"})", R"({"iss":"https://idp.example.com","aud":"cfpipe"})",
                           R"({"aud":["other","cfpipe"]})"}) {
    jwt.claims = object(good);
    EXPECT_TRUE(check_signed_userinfo(jwt, config())) << good;
  }
  for (const char* bad :
       {R"({"iss":"https://evil.test"})", R"({"iss":7})", R"({"aud":"other"})", R"({"aud":7})"}) {
    jwt.claims = object(bad);
    EXPECT_FALSE(check_signed_userinfo(jwt, config())) << bad;
  }
}

TEST(Person, MayBeUnverifiedWhereThatIsAllowed) {
  OidcConfig lenient = config();
  lenient.allow_unverified_email = true;
  const auto claims = object(R"({"sub":"1","email":"ann@x.org"})");
  EXPECT_FALSE(needs_userinfo(claims, lenient, {}));
  EXPECT_TRUE(person_of(claims, {}, lenient, {}));
  EXPECT_TRUE(needs_userinfo(claims, config(), {}));
  EXPECT_FALSE(needs_userinfo(object(R"({"email":"ann@x.org","email_verified":false})"), config(), {}));
}

TEST(Person, HasTheGroupsAndClaimsThatAreAskedFor) {
  WantedClaims wanted{true, {"preferred_username"}};
  const auto id = object(R"({"sub":"1","email":"ann@x.org","email_verified":true,"groups":"sre"})");
  EXPECT_TRUE(needs_userinfo(id, config(), wanted));
  auto person =
      person_of(id, {object(R"({"sub":"1","groups":["other"],"preferred_username":"ann","nickname":"a"})")},
                config(), wanted);
  ASSERT_TRUE(person);
  EXPECT_EQ(person->groups, (Groups{{"sre"}, {}})) << "the signed one counts";
  EXPECT_EQ(person->claims, (Claims{{"preferred_username", {"ann"}}}));
  OidcConfig other = config();
  other.groups_claim = "https://x.org/roles";
  person = person_of(
      object(R"({"sub":"1","email":"ann@x.org","email_verified":true,"https://x.org/roles":["a","b"]})"), {},
      other, wanted);
  ASSERT_TRUE(person);
  EXPECT_EQ(person->groups, (Groups{{"a", "b"}, {}}));
  EXPECT_EQ(person->claims.at("preferred_username"), std::vector<std::string>{});
}

TEST(Person, HasUnknownGroupsWhereTheProviderDoesNotSay) {
  const WantedClaims wanted{true, {}};
  OidcConfig optional = config();
  optional.groups_claim_optional = true;
  const auto id = object(R"({"sub":"1","email":"ann@x.org","email_verified":true})");
  const auto groups = [&](const OidcConfig& how, const UserInfo& userinfo) {
    return person_of(id, userinfo, how, wanted)->groups;
  };
  EXPECT_EQ(groups(config(), {}).unknown, GroupsUnknown::missing);
  EXPECT_EQ(groups(optional, {}), Groups());
  for (const auto& how : {config(), optional}) {
    EXPECT_EQ(groups(how, {{}, true}).unknown, GroupsUnknown::no_answer);
    EXPECT_EQ(groups(how, {object(R"({"sub":"1","groups":"a,b"})")}).unknown, GroupsUnknown::joined);
    EXPECT_EQ(groups(how, {object(R"({"sub":"1","hasgroups":true})")}).unknown, GroupsUnknown::too_many);
    EXPECT_EQ(groups(how, {object(R"({"sub":"1","groups":[]})")}), Groups());
  }
}

TEST(Person, NeedsUserinfoForAnAddressButNotForGroups) {
  EXPECT_TRUE(needs_address(object(R"({"sub":"1"})"), config()));
  EXPECT_FALSE(needs_address(object(R"({"email":"ann@x.org","email_verified":true})"), config()));
}

TEST(CarriedClaims, NameTheFirstValueWhereNoneIsAUserName) {
  const Claims claims{{"u", {"two words", "a/b"}}, {"v", {"1001"}}, {"w", {std::string(65, 'a')}}};
  EXPECT_EQ(claims_to_carry(claims, {"u", "v", "w"}), (Claims{{"u", {"two words"}}, {"v", {"1001"}}}));
}

TEST(CarriedClaims, ArePrincipalsAndBounded) {
  const Claims claims{{"u", {"ann", "a,b", "", "-x", "root\n", "deploy"}}, {"other", {"eve"}}};
  EXPECT_EQ(claims_to_carry(claims, {"u", "none"}), (Claims{{"u", {"ann", "deploy"}}}));
  Claims many{{"u", {}}};
  for (int i = 0; i < 100; ++i) many["u"].push_back("user" + std::to_string(i));
  EXPECT_EQ(claims_to_carry(many, {"u"}).at("u").size(), kMaxClaimValues);
  const Claims large{{"u", std::vector<std::string>(16, std::string(60, 'a'))}};
  EXPECT_EQ(claims_to_carry(large, {"u"}).at("u").size(), kMaxClaimValuesBytes / 60);
}

}  // namespace
}  // namespace cfpipe::edge
