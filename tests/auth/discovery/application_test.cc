#include "auth/discovery/application.h"

#include <gtest/gtest.h>

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

#include "auth/token/rsa_key.h"
#include "support/hosts.h"

namespace cfpipe::auth {
namespace {

namespace json = boost::json;

constexpr std::int64_t kNow = 1'700'000'000;
const std::string kAud(64, 'a');
const std::string kOtherAud(64, 'b');
const transport::Url kUrl = *transport::parse_url("vm.example.com");

EVP_PKEY* metadata_key() {
  static const PKey key = generate_rsa(2048);
  return key.get();
}

const KeySet& test_keys() {
  static const KeySet keys = [] {
    json::object set;
    set["keys"] = json::array{rsa_jwk(metadata_key(), "k")};
    return *KeySet::parse(json::serialize(set));
  }();
  return keys;
}

json::object good_metadata() {
  return {{"type", "match"}, {"hostname", "vm.example.com"},    {"auth_domain", "team.cloudflareaccess.com"},
          {"aud", kAud},     {"app_hostname", "*.example.com"}, {"iat", kNow}};
}

Jwt token_of(const json::object& claims, std::string_view kid = "k") {
  return *parse_jwt(sign_rs256(claims, kid, metadata_key()));
}

Result<Application> verify(const json::object& claims, std::string_view host = "vm.example.com") {
  return verify_metadata(token_of(claims), test_keys(), *transport::parse_url(host), TrustedDomains(), kNow);
}

TEST(Metadata, NamesTheApplication) {
  const auto app = verify(good_metadata());
  ASSERT_TRUE(app);
  EXPECT_EQ(app->auth_domain, "team.cloudflareaccess.com");
  EXPECT_EQ(app->aud, kAud);
  EXPECT_EQ(app->app_hostname, "*.example.com");
}

TEST(Metadata, MayNameAKindOfKeyThatClientsMake) {
  EXPECT_FALSE(verify(good_metadata())->key_type) << "Cloudflare's names none";
  const auto named = [](const json::value& value) {
    auto claims = good_metadata();
    claims["ssh_key"] = value;
    return verify(claims)->key_type;
  };
  EXPECT_EQ(named("ssh-ed25519"), KeyType::ed25519);
  EXPECT_EQ(named("ecdsa-sha2-nistp256"), KeyType::ecdsa_p256);
  for (const json::value& other : {json::value("ssh-rsa"), json::value("ed25519"), json::value(""),
                                   json::value(1), json::value(json::array{"ssh-ed25519"})})
    EXPECT_FALSE(named(other)) << json::serialize(other);
}

TEST(Metadata, TakesTheHostInAnyCase) {
  EXPECT_TRUE(verify(good_metadata(), "VM.Example.com"));
  auto claims = good_metadata();
  claims["hostname"] = "Vm.EXAMPLE.com";
  EXPECT_TRUE(verify(claims));
}

TEST(Metadata, UsesTheHostnameWithoutAnAppHostname) {
  auto claims = good_metadata();
  claims["app_hostname"] = "";
  EXPECT_EQ(verify(claims)->app_hostname, "vm.example.com");
  claims.erase("app_hostname");
  EXPECT_EQ(verify(claims)->app_hostname, "vm.example.com");
}

TEST(Metadata, NamesAnApplicationThatCoversTheUrlOnly) {
  for (const char* other : {"other.example.com", "example.com", "xvm.example.com", "vm.example.com.evil.test",
                            "*.vm.example.com", "*.evil.test", "*", "vm.example.com:443", "vm.example.com.",
                            "vm.example.com/admin", "/", "..", "vm.example.com\x1b]0;x\x07", "\xc2\x9b"}) {
    auto claims = good_metadata();
    claims["app_hostname"] = other;
    const auto app = verify(claims);
    ASSERT_TRUE(app.has_error()) << other;
    EXPECT_EQ(app.error().cause, Cause::metadata_invalid) << other;
    EXPECT_EQ(app.error().detail.rfind("app_hostname", 0), 0U) << app.error().detail;
    EXPECT_EQ(app.error().detail, printable(app.error().detail, 1000));
  }
  for (const char* own :
       {"vm.example.com", "VM.Example.com", "*.example.com", "vm*.example.com", "*.*.com"}) {
    auto claims = good_metadata();
    claims["app_hostname"] = own;
    EXPECT_TRUE(verify(claims)) << own;
  }
  auto claims = good_metadata();
  claims["app_hostname"] = "vm.example.com/admin";
  EXPECT_TRUE(verify(claims, "https://vm.example.com/admin/x?y"));
  EXPECT_FALSE(verify(claims, "https://vm.example.com/administrator"));
}

TEST(Metadata, WritesTheAuthDomainInLowerCase) {
  auto claims = good_metadata();
  claims["auth_domain"] = "Team.CloudflareAccess.COM";
  EXPECT_EQ(verify(claims)->auth_domain, "team.cloudflareaccess.com");
}

TEST(Metadata, RefusesEachClaimThatIsWrong) {
  struct Case {
    const char* claim;
    json::value value;
  };
  const Case cases[] = {
      {"type", "miss"},
      {"type", "MATCH"},
      {"type", ""},
      {"type", 1},
      {"hostname", "other.example.com"},
      {"hostname", "evil.vm.example.com"},
      {"hostname", "vm.example.com.."},
      {"hostname", "vm.example.com:443"},
      {"hostname", "*.example.com"},
      {"hostname", ""},
      {"hostname", nullptr},
      {"aud", ""},
      {"aud", nullptr},
      {"aud", 7},
      {"aud", json::array{}},
      {"aud", json::array{kAud, kOtherAud}},
      {"aud", "a1b2"},
      {"aud", json::string(kAud + "a")},
      {"aud", json::string(kAud.substr(1))},
      {"aud", json::string(std::string(64, 'A'))},
      {"aud", json::string(std::string(63, 'a') + "g")},
      {"aud", json::string(std::string(63, 'a') + "/")},
      {"iat", 0},
      {"iat", -1},
      {"iat", "1700000000"},
      {"iat", kNow - kMetadataMaxAge - 1},
      {"iat", kNow + kMetadataMaxSkew + 1},
      {"iat", INT64_MAX},
      {"iat", INT64_MIN},
      {"auth_domain", ""},
      {"auth_domain", 1},
  };
  for (const Case& c : cases) {
    auto claims = good_metadata();
    claims[c.claim] = c.value;
    const auto app = verify(claims);
    ASSERT_TRUE(app.has_error()) << c.claim << ' ' << json::serialize(c.value);
    EXPECT_EQ(app.error().stage, Stage::application);
    EXPECT_EQ(app.error().cause, Cause::metadata_invalid) << c.claim << ' ' << json::serialize(c.value);
    EXPECT_EQ(app.error().detail.rfind(c.claim, 0), 0U) << app.error().detail;
  }
}

TEST(Metadata, ATimeOfTheWrongTypeIsNamedAsThat) {
  auto claims = good_metadata();
  claims["iat"] = "1700000000";
  EXPECT_EQ(verify(claims).error().detail, "iat is not a number");
  claims["iat"] = 0;
  EXPECT_EQ(verify(claims).error().detail, "iat is no time");
  claims.erase("iat");
  EXPECT_EQ(verify(claims).error().detail, "iat is missing");
}

TEST(Metadata, TimesMayHaveAFraction) {
  auto claims = good_metadata();
  claims["iat"] = static_cast<double>(kNow) + 0.123;
  EXPECT_TRUE(verify(claims));
}

TEST(Metadata, RefusesEachClaimThatIsAbsent) {
  for (const char* claim : {"type", "hostname", "auth_domain", "aud", "iat"}) {
    auto claims = good_metadata();
    claims.erase(claim);
    const auto app = verify(claims);
    ASSERT_TRUE(app.has_error()) << claim;
    EXPECT_EQ(app.error().cause, Cause::metadata_invalid);
    EXPECT_EQ(app.error().detail.rfind(claim, 0), 0U) << app.error().detail;
  }
}

TEST(Metadata, TakesTheBoundariesOfIat) {
  for (const std::int64_t iat : {kNow - kMetadataMaxAge, kNow - 1, kNow, kNow + kMetadataMaxSkew}) {
    auto claims = good_metadata();
    claims["iat"] = iat;
    EXPECT_TRUE(verify(claims)) << iat - kNow;
  }
}

TEST(Metadata, TakesTheAudienceAsAnArrayOfOne) {
  auto claims = good_metadata();
  claims["aud"] = json::array{kAud};
  ASSERT_TRUE(verify(claims));
  EXPECT_EQ(verify(claims)->aud, kAud);
}

TEST(Metadata, RefusesASignatureOfAnotherKey) {
  const PKey other = generate_rsa(2048);
  const Jwt forged = *parse_jwt(sign_rs256(good_metadata(), "k", other.get()));
  const auto app = verify_metadata(forged, test_keys(), kUrl, TrustedDomains(), kNow);
  ASSERT_TRUE(app.has_error());
  EXPECT_EQ(app.error().cause, Cause::metadata_invalid);
  EXPECT_EQ(app.error().detail.rfind("signature", 0), 0U);
}

TEST(Metadata, RefusesAnUnknownKid) {
  const auto app = verify_metadata(token_of(good_metadata(), "x"), test_keys(), kUrl, TrustedDomains(), kNow);
  ASSERT_TRUE(app.has_error());
  EXPECT_EQ(app.error().detail.rfind("signature", 0), 0U);
}

TEST(Metadata, RefusesAnUntrustedAuthDomainWhateverItSigned) {
  auto claims = good_metadata();
  claims["auth_domain"] = "auth.example.com:8443";
  ASSERT_TRUE(verify(claims).has_error());
  EXPECT_EQ(verify(claims).error().cause, Cause::untrusted_auth_domain);
  TrustedDomains trusted;
  trusted.add("auth.example.com");
  const auto app = verify_metadata(token_of(claims), test_keys(), kUrl, trusted, kNow);
  ASSERT_TRUE(app);
  EXPECT_EQ(app->auth_domain, "auth.example.com:8443");
}

TEST(Metadata, NamesAnAuthDomainInItsOneForm) {
  TrustedDomains trusted;
  trusted.add("auth.example.com");
  const auto kept = [&](const char* domain) -> std::string {
    auto claims = good_metadata();
    claims["auth_domain"] = domain;
    const auto app = claimed_auth_domain(token_of(claims), trusted);
    return app ? *app : "refused";
  };
  EXPECT_EQ(kept("team.cloudflareaccess.com:443"), "team.cloudflareaccess.com");
  EXPECT_EQ(kept("Team.CloudflareAccess.com.:8443"), "team.cloudflareaccess.com")
      << "of Cloudflare's own no port counts";
  EXPECT_EQ(kept("Auth.Example.com:443"), "auth.example.com");
  EXPECT_EQ(kept("auth.example.com:8443"), "auth.example.com:8443");
  EXPECT_EQ(kept("auth.example.com:65979"), "refused");
  EXPECT_EQ(kept("auth.example.com%00.cloudflareaccess.com"), "refused");
}

TEST(Metadata, PutsOnlyPrintableTextIntoFailures) {
  auto claims = good_metadata();
  claims["hostname"] = "evil\x1b[2J\r\n" + std::string(5000, 'x');
  const auto app = verify(claims);
  ASSERT_TRUE(app.has_error());
  EXPECT_EQ(app.error().detail, printable(app.error().detail, 1000));
  EXPECT_LT(app.error().detail.size(), 500U);
}

Application application() {
  Application app;
  app.auth_domain = "auth.example.com:8443";
  app.aud = kAud;
  app.app_hostname = "vm.example.com";
  return app;
}

std::string app_token(json::object claims) {
  claims.emplace("iss", "https://auth.example.com:8443");
  claims.emplace("exp", kNow);
  claims.emplace("aud", kAud);
  return sign_rs256(claims, "k", metadata_key());
}

TEST(AppToken, IsGoodUntilItExpires) {
  const auto token = app_token({{"aud", json::array{"x", kAud}}});
  EXPECT_TRUE(check_app_token(token, application(), kNow - 1));
  for (const std::int64_t now : {kNow, kNow + 1}) {
    const auto jwt = check_app_token(token, application(), now);
    ASSERT_TRUE(jwt.has_error());
    EXPECT_EQ(jwt.error().stage, Stage::token);
    EXPECT_EQ(jwt.error().cause, Cause::token_invalid);
  }
}

TEST(AppToken, IsGoodForItsAudienceOnly) {
  const auto good = [](json::value aud) {
    return check_app_token(app_token({{"aud", std::move(aud)}}), application(), 0).has_value();
  };
  EXPECT_TRUE(good(json::string(kAud)));
  EXPECT_TRUE(good(json::array{kAud}));
  EXPECT_FALSE(good(json::string(kAud + "c3")));
  EXPECT_FALSE(good(json::string(std::string(64, 'A'))));
  EXPECT_FALSE(good(json::array{}));
  EXPECT_FALSE(good(nullptr));
  EXPECT_FALSE(good(""));
}

TEST(AppToken, MayEndAtAFractionOfASecond) {
  const auto token = app_token({{"exp", static_cast<double>(kNow) + 1.5}});
  EXPECT_TRUE(check_app_token(token, application(), kNow));
  EXPECT_EQ(check_app_token(token, application(), kNow + 1).error().detail, "token has expired");
}

TEST(AppToken, NeedsAnExpiry) {
  EXPECT_FALSE(check_app_token(app_token({{"exp", nullptr}}), application(), 0));
  EXPECT_EQ(check_app_token(app_token({{"exp", "9999999999"}}), application(), 0).error().detail,
            "token's exp is not a number");
  EXPECT_FALSE(check_app_token("nonsense", application(), 0));
}

TEST(Issuer, IsTheAuthDomainThatWasVerified) {
  for (const char* own :
       {"https://auth.example.com:8443", "https://auth.example.com:8443/", "https://AUTH.Example.com:8443"}) {
    const auto token = app_token({{"iss", own}});
    EXPECT_TRUE(check_app_token(token, application(), 0)) << own;
    EXPECT_TRUE(check_org_token(token, application(), 0)) << own;
  }
  for (const json::value& other :
       {json::value("https://auth.example.com"), json::value("https://auth.example.com:443"),
        json::value("https://auth.example.com:8444"), json::value("https://evil.test"),
        json::value("https://auth.example.com:8443.evil.test"), json::value("https://xauth.example.com:8443"),
        json::value("https://auth.example.com:8443/other"), json::value("https://auth.example.com:8443?x"),
        json::value("https://evil@auth.example.com:8443"), json::value("http://auth.example.com:8443"),
        json::value("wss://auth.example.com:8443"), json::value("auth.example.com:8443"),
        json::value("https://"), json::value(""), json::value(nullptr), json::value(1),
        json::value(json::array{"https://auth.example.com:8443"})}) {
    const auto token = app_token({{"iss", other}});
    EXPECT_FALSE(check_app_token(token, application(), 0)) << json::serialize(other);
    const auto org = check_org_token(token, application(), 0);
    ASSERT_FALSE(org) << json::serialize(other);
    EXPECT_EQ(org.error().cause, Cause::token_invalid);
  }
}

TEST(Issuer, OfTheDefaultPortIsNamedWithItOrWithout) {
  Application app = application();
  app.auth_domain = "team.cloudflareaccess.com";
  for (const char* own : {"https://team.cloudflareaccess.com", "https://team.cloudflareaccess.com:443"})
    EXPECT_TRUE(check_app_token(app_token({{"iss", own}}), app, 0)) << own;
  EXPECT_FALSE(check_app_token(app_token({{"iss", "https://team.cloudflareaccess.com:8443"}}), app, 0));
  EXPECT_FALSE(check_app_token(app_token({{"iss", "https://other.cloudflareaccess.com"}}), app, 0));
}

TEST(Issuer, MayHaveAnyPortWhereTheUserNamedNone) {
  Application app = application();
  app.auth_domain = "auth.example.com";
  app.any_port = true;
  EXPECT_TRUE(check_app_token(app_token({}), app, 0));
  EXPECT_FALSE(check_app_token(app_token({{"iss", "https://evil.test:8443"}}), app, 0));
}

TEST(Issuer, IsPutIntoFailuresAsPrintableText) {
  const auto token = app_token({{"iss", "evil\x1b[2J\r\n" + std::string(5000, 'x')}});
  const auto jwt = check_app_token(token, application(), 0);
  ASSERT_FALSE(jwt);
  EXPECT_EQ(jwt.error().detail, printable(jwt.error().detail, 1000));
  EXPECT_LT(jwt.error().detail.size(), 500U);
}

}  // namespace
}  // namespace cfpipe::auth
