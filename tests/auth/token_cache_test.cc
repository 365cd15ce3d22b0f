#include "auth/token_cache.h"

#include <gtest/gtest.h>

#include <boost/json/array.hpp>

#include "auth/rsa_key.h"
#include "auth/temp_dir.h"

namespace cfpipe::auth {
namespace {

namespace json = boost::json;

constexpr std::int64_t kNow = 1'700'000'000;

std::string token(const json::object& claims) {
  static const PKey key = generate_rsa(2048);
  return sign_rs256(claims, "k", key.get());
}

Application wildcard() {
  Application app;
  app.auth_domain = "team.cloudflareaccess.com";
  app.aud = "a1b2";
  app.app_hostname = "*.example.com";
  return app;
}

constexpr const char* kAppFile = "-.example.com-a1b2-token";
constexpr const char* kOrgFile = "team.cloudflareaccess.com-org-token";

class TokenCache : public testing::Test {
 protected:
  /// What the cache gives for the app token, or "none".
  std::string app_token() {
    const auto found = cached_app_token(dir_, wildcard(), kNow);
    EXPECT_TRUE(found);
    return found && *found ? std::string((*found)->reveal()) : "none";
  }
  std::string org_token() {
    const auto found = cached_org_token(dir_, "team.cloudflareaccess.com", kNow);
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
  const std::string good = token({{"aud", json::array{"a1b2"}}, {"exp", kNow + 1}});
  temp_.put(kAppFile, good);
  EXPECT_EQ(app_token(), good);
  temp_.put(kAppFile, good + "\n");
  EXPECT_EQ(app_token(), good) << "without the line end that an editor left";
  EXPECT_TRUE(temp_.has(kAppFile));
}

TEST_F(TokenCache, RemovesAnExpiredAppToken) {
  temp_.put(kAppFile, token({{"aud", "a1b2"}, {"exp", kNow}}));
  EXPECT_EQ(app_token(), "none");
  EXPECT_FALSE(temp_.has(kAppFile));
}

TEST_F(TokenCache, RemovesAnAppTokenForAnotherAudience) {
  temp_.put(kAppFile, token({{"aud", json::array{"c3d4"}}, {"exp", kNow + 3600}}));
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

TEST_F(TokenCache, LeavesAnEmptyFileToWhoeverIsFillingIt) {
  temp_.put(kAppFile, "");
  EXPECT_EQ(app_token(), "none");
  EXPECT_TRUE(temp_.has(kAppFile));
}

TEST_F(TokenCache, GivesAnOrgTokenUntilItExpires) {
  const std::string good = token({{"aud", "anything"}, {"exp", kNow + 1}, {"type", "org"}});
  temp_.put(kOrgFile, good);
  EXPECT_EQ(org_token(), good);
  temp_.put(kOrgFile, token({{"exp", kNow}}));
  EXPECT_EQ(org_token(), "none");
  EXPECT_FALSE(temp_.has(kOrgFile));
}

TEST_F(TokenCache, LeavesAnExpiredTokenWhereTheClockMayBeWrong) {
  temp_.put(kAppFile, token({{"aud", "a1b2"}, {"exp", kNow}}));
  EXPECT_FALSE(*cached_app_token(dir_, wildcard(), kNow, IfUnusable::keep));
  EXPECT_TRUE(temp_.has(kAppFile));
  EXPECT_TRUE(*cached_app_token(dir_, wildcard(), kNow - 1));
  EXPECT_FALSE(*cached_app_token(dir_, wildcard(), kNow));
  EXPECT_FALSE(temp_.has(kAppFile));
}

TEST_F(TokenCache, FailsOnATokenThatOthersMayWrite) {
  temp_.put(kAppFile, token({{"aud", "a1b2"}, {"exp", kNow + 1}}), 0666);
  const auto found = cached_app_token(dir_, wildcard(), kNow);
  ASSERT_TRUE(found.has_error());
  EXPECT_EQ(found.error().cause, transport::Cause::state_foreign_owner);
  EXPECT_TRUE(temp_.has(kAppFile));
}

}  // namespace
}  // namespace cfpipe::auth
