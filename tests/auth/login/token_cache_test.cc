#include "auth/login/token_cache.h"

#include <gtest/gtest.h>

#include <boost/json/array.hpp>

#include "auth/token/rsa_key.h"
#include "support/temp_dir.h"

namespace cfpipe::auth {
namespace {

namespace json = boost::json;

constexpr std::int64_t kCacheTime = 1'700'000'000;

const std::string kCachedAud(64, 'a');
const std::string kStaleAud(64, 'b');
constexpr const char* kIssuer = "https://team.cloudflareaccess.com";
constexpr const char* kEvil = "https://auth.evil.test:8443";

/// Of kIssuer unless the claims say otherwise.
std::string token(json::object claims) {
  static const PKey key = generate_rsa(2048);
  claims.emplace("iss", kIssuer);
  return sign_rs256(claims, "k", key.get());
}

Application wildcard() {
  Application app;
  app.auth_domain = "team.cloudflareaccess.com";
  app.aud = kCachedAud;
  app.app_hostname = "*.example.com";
  return app;
}

const std::string kAppFile = "-.example.com-" + kCachedAud + "-token";
const std::string kSecondFile = "-.example.com-team.cloudflareaccess.com-" + kCachedAud + "-token";
constexpr const char* kOrgFile = "team.cloudflareaccess.com-org-token";

class TokenCache : public ::testing::Test {
 protected:
  /// What the cache gives for the app token, or "none".
  std::string app_token() {
    const auto found = cached_app_token(dir_, wildcard(), kCacheTime);
    EXPECT_TRUE(found);
    return found && *found ? std::string((*found)->reveal()) : "none";
  }
  std::string org_token() {
    const auto found = cached_org_token(dir_, wildcard(), kCacheTime);
    EXPECT_TRUE(found);
    return found && *found ? std::string((*found)->reveal()) : "none";
  }
  const TempDir temp_;
  const StateDir dir_ = *StateDir::at(temp_.path());
};

TEST_F(TokenCache, NamesFilesAsCloudflaredDoes) {
  EXPECT_EQ(app_token_file(wildcard()), kAppFile);
  EXPECT_EQ(org_token_file("team.cloudflareaccess.com"), kOrgFile);
}

TEST_F(TokenCache, IsEmptyWithoutFiles) {
  EXPECT_EQ(app_token(), "none");
  EXPECT_EQ(org_token(), "none");
}

TEST_F(TokenCache, GivesAGoodAppToken) {
  const std::string good = token({{"aud", json::array{kCachedAud}}, {"exp", kCacheTime + 1}});
  temp_.put(kAppFile, good);
  EXPECT_EQ(app_token(), good);
  temp_.put(kAppFile, good + "\n");
  EXPECT_EQ(app_token(), good) << "without the line end that an editor left";
  EXPECT_TRUE(temp_.has(kAppFile));
}

TEST_F(TokenCache, RemovesAnExpiredAppToken) {
  temp_.put(kAppFile, token({{"aud", kCachedAud}, {"exp", kCacheTime}}));
  EXPECT_EQ(app_token(), "none");
  EXPECT_FALSE(temp_.has(kAppFile));
}

TEST_F(TokenCache, RemovesAnAppTokenForAnotherAudience) {
  temp_.put(kAppFile, token({{"aud", json::array{kStaleAud}}, {"exp", kCacheTime + 3600}}));
  EXPECT_EQ(app_token(), "none");
  EXPECT_FALSE(temp_.has(kAppFile));
}

TEST_F(TokenCache, RemovesWhatIsNoToken) {
  for (const std::string& content : {std::string("nonsense"), std::string("a.b.c"), std::string(1000, 'x'),
                                     std::string(100'000, '.'), std::string("\0\0", 2)}) {
    temp_.put(kAppFile, content);
    EXPECT_EQ(app_token(), "none");
    EXPECT_FALSE(temp_.has(kAppFile));
  }
}

TEST_F(TokenCache, LeavesAnEmptyFileToTheProcessThatFillsIt) {
  temp_.put(kAppFile, "");
  EXPECT_EQ(app_token(), "none");
  EXPECT_TRUE(temp_.has(kAppFile));
}

TEST_F(TokenCache, GivesAnOrgTokenUntilItExpires) {
  const std::string good = token({{"aud", "anything"}, {"exp", kCacheTime + 1}, {"type", "org"}});
  temp_.put(kOrgFile, good);
  EXPECT_EQ(org_token(), good);
  temp_.put(kOrgFile, token({{"exp", kCacheTime}}));
  EXPECT_EQ(org_token(), "none");
  EXPECT_FALSE(temp_.has(kOrgFile));
}

TEST_F(TokenCache, LeavesAnExpiredTokenWhereTheClockMayBeWrong) {
  temp_.put(kAppFile, token({{"aud", kCachedAud}, {"exp", kCacheTime}}));
  EXPECT_FALSE(*cached_app_token(dir_, wildcard(), kCacheTime, IfUnusable::keep));
  EXPECT_TRUE(temp_.has(kAppFile));
  EXPECT_TRUE(*cached_app_token(dir_, wildcard(), kCacheTime - 1));
  EXPECT_FALSE(*cached_app_token(dir_, wildcard(), kCacheTime));
  EXPECT_FALSE(temp_.has(kAppFile));
}

TEST_F(TokenCache, ATokenOfAnotherIssuerIsNeitherUsedNorRemoved) {
  for (const json::object& claims :
       {json::object{{"iss", kEvil}, {"aud", kCachedAud}, {"exp", kCacheTime + 3600}},
        json::object{{"iss", kEvil}, {"aud", kCachedAud}, {"exp", kCacheTime - 3600}},
        json::object{{"iss", kEvil}, {"aud", kStaleAud}, {"exp", kCacheTime + 3600}},
        json::object{{"iss", nullptr}, {"aud", kCachedAud}, {"exp", kCacheTime + 3600}}}) {
    const std::string foreign = token(claims);
    temp_.put(kAppFile, foreign);
    temp_.put(kOrgFile, foreign);
    EXPECT_EQ(app_token(), "none");
    EXPECT_EQ(org_token(), "none");
    EXPECT_EQ(temp_.get(kAppFile), foreign);
    EXPECT_EQ(temp_.get(kOrgFile), foreign);
  }
}

TEST_F(TokenCache, ATokenOfAnotherIssuerIsNotOverwrittenWhileItIsGood) {
  const std::string foreign = token({{"iss", kEvil}, {"aud", kCachedAud}, {"exp", kCacheTime + 60}});
  const std::string own = token({{"aud", kCachedAud}, {"exp", kCacheTime + 3600}});
  temp_.put(kAppFile, foreign);
  ASSERT_TRUE(keep_app_token(dir_, wildcard(), Secret(own), kCacheTime));
  EXPECT_EQ(temp_.get(kAppFile), foreign);
  EXPECT_EQ(temp_.get(kSecondFile), own);
  EXPECT_EQ(app_token(), own);

  const std::string newer = token({{"aud", kCachedAud}, {"exp", kCacheTime + 7200}});
  ASSERT_TRUE(keep_app_token(dir_, wildcard(), Secret(newer), kCacheTime + 60));
  EXPECT_EQ(temp_.get(kAppFile), newer) << "the other one has expired";
  EXPECT_FALSE(temp_.has(kSecondFile));
  EXPECT_EQ(app_token(), newer);
}

TEST_F(TokenCache, ATokenOfTheSameIssuerIsReplacedWhereItIs) {
  for (const std::string& old :
       {std::string(), std::string("junk"), token({{"aud", kCachedAud}, {"exp", kCacheTime + 60}}),
        token({{"aud", kStaleAud}, {"exp", kCacheTime + 60}})}) {
    temp_.put(kAppFile, old);
    const std::string fresh = token({{"aud", kCachedAud}, {"exp", kCacheTime + 3600}});
    ASSERT_TRUE(keep_app_token(dir_, wildcard(), Secret(fresh), kCacheTime));
    EXPECT_EQ(temp_.get(kAppFile), fresh);
    EXPECT_FALSE(temp_.has(kSecondFile));
  }
}

TEST_F(TokenCache, DropsTheRejectedTokenAloneAndWhereverItIs) {
  const std::string own = token({{"aud", kCachedAud}, {"exp", kCacheTime + 3600}});
  const std::string foreign = token({{"iss", kEvil}, {"aud", kCachedAud}, {"exp", kCacheTime + 60}});
  temp_.put(kAppFile, foreign);
  temp_.put(kSecondFile, own + "\n");
  ASSERT_TRUE(drop_app_token(dir_, wildcard(), Secret(own)));
  EXPECT_EQ(temp_.get(kAppFile), foreign);
  EXPECT_FALSE(temp_.has(kSecondFile));
  temp_.put(kAppFile, own);
  ASSERT_TRUE(drop_app_token(dir_, wildcard(), Secret(foreign)));
  EXPECT_EQ(temp_.get(kAppFile), own) << "another process has replaced it meanwhile";
  ASSERT_TRUE(drop_app_token(dir_, wildcard(), Secret(own)));
  EXPECT_FALSE(temp_.has(kAppFile));
}

TEST_F(TokenCache, FailsOnATokenThatOthersMayWrite) {
  temp_.put(kAppFile, token({{"aud", kCachedAud}, {"exp", kCacheTime + 1}}), 0666);
  const auto found = cached_app_token(dir_, wildcard(), kCacheTime);
  ASSERT_TRUE(found.has_error());
  EXPECT_EQ(found.error().cause, Cause::state_writable_by_others);
  EXPECT_TRUE(temp_.has(kAppFile));
}

}  // namespace
}  // namespace cfpipe::auth
