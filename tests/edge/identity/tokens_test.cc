// This edge's tokens by themselves: what each is taken for, and for how long.
#include "edge/identity/tokens.h"

#include <gtest/gtest.h>

#include "edge/edge_fixture.h"

namespace cfpipe::edge {
namespace {

constexpr std::int64_t kTokenTime = 1'800'000'000;
constexpr std::chrono::seconds kHour{3600};
constexpr const char* kTokenIssuer = "https://auth.localhost:8443";

class TokenTest : public ::testing::Test {
 protected:
  TokenTest() {
    tokens_.set_issuer(kTokenIssuer);
    tokens_.set_providers({"dev"});
    ann_.email = "ann@example.com";
    ann_.provider = "dev";
    ann_.nonce = "a-sign-in";
  }
  std::string app_token(const std::string& aud = "aud") const {
    return tokens_.app_token(ann_, aud, kTokenTime, kHour);
  }
  std::string org_token() const { return tokens_.org_token(ann_, Holder::browser, kTokenTime, kHour); }
  /// Of the org tokens of this issuer.
  std::string org_audience() const { return auth::parse_jwt(org_token())->audience().at(0); }

  TempDir dir_;
  std::unique_ptr<Store> store_ = open_sqlite_store(dir_ / "state").value();
  Tokens tokens_ = Tokens::open(store_->keys()).value();
  Identity ann_;
};

TEST_F(TokenTest, OneTypeIsNotTakenForTheOtherOfTheSameAudience) {
  const std::string aud = org_audience();
  EXPECT_TRUE(tokens_.check_org(org_token(), kTokenTime));
  EXPECT_FALSE(tokens_.check_org(app_token(aud), kTokenTime));
  EXPECT_TRUE(tokens_.check_app(app_token(aud), aud, kTokenTime));
  EXPECT_FALSE(tokens_.check_app(org_token(), aud, kTokenTime));
}

TEST_F(TokenTest, MetadataAreNoTokenOfTheirApplication) {
  Tokens::Served served;
  served.host = served.app_name = "vm.localhost";
  const std::string metadata = tokens_.metadata(served, "auth.localhost", "aud", kTokenTime);
  EXPECT_FALSE(tokens_.check_app(metadata, "aud", kTokenTime));
}

TEST_F(TokenTest, AnAudienceIsComparedAsAWhole) {
  EXPECT_TRUE(tokens_.check_app(app_token("aud"), "aud", kTokenTime));
  for (const char* other : {"", "au", "audi", "AUD"})
    EXPECT_FALSE(tokens_.check_app(app_token("aud"), other, kTokenTime)) << other;
}

TEST_F(TokenTest, ATokenEndsInTheSecondThatItNames) {
  EXPECT_TRUE(tokens_.check_app(app_token(), "aud", kTokenTime + kHour.count() - 1));
  EXPECT_FALSE(tokens_.check_app(app_token(), "aud", kTokenTime + kHour.count()));
}

TEST_F(TokenTest, AnotherIssuerWithTheSameKeyIsAnotherEdge) {
  const std::string app = app_token();
  const std::string org = org_token();
  const std::string aud = org_audience();
  tokens_.set_issuer("https://auth.localhost:8444");
  EXPECT_FALSE(tokens_.check_app(app, "aud", kTokenTime));
  EXPECT_FALSE(tokens_.check_org(org, kTokenTime));
  EXPECT_NE(org_audience(), aud);
}

TEST_F(TokenTest, TheIdentityComesBackWithItsSignIn) {
  ann_.subject = "a-subject";
  ann_.groups.names = {"admins"};
  ann_.claims["login"] = {"ann", "anna"};
  for (const auto& shown :
       {tokens_.check_app(app_token(), "aud", kTokenTime), tokens_.check_org(org_token(), kTokenTime)}) {
    ASSERT_TRUE(shown);
    EXPECT_EQ(shown->email, ann_.email);
    EXPECT_EQ(shown->provider, ann_.provider);
    EXPECT_EQ(shown->nonce, ann_.nonce);
    EXPECT_EQ(shown->subject, ann_.subject);
    EXPECT_EQ(shown->groups, ann_.groups);
    EXPECT_EQ(shown->claims, ann_.claims);
    EXPECT_EQ(shown->issued, kTokenTime);
    EXPECT_EQ(shown->expires, kTokenTime + kHour.count());
  }
}

TEST_F(TokenTest, AProgramHoldsAnOrgTokenUnlessItWasMadeForABrowser) {
  EXPECT_EQ(tokens_.check_org(org_token(), kTokenTime)->holder, Holder::browser);
  EXPECT_EQ(
      tokens_.check_org(tokens_.org_token(ann_, Holder::program, kTokenTime, kHour), kTokenTime)->holder,
      Holder::program);
}

TEST_F(TokenTest, EachChoiceOfGroupsAndClaimsHasTokensOfItsOwn) {
  using Names = std::vector<std::string>;
  struct Asked {
    Names groups, claims;
  };
  const std::vector<Asked> all{{{}, {}},         {{"ab"}, {}}, {{"a", "b"}, {}}, {{"a"}, {"b"}},
                               {{}, {"a", "b"}}, {{}, {"ab"}}, {{"a"}, {}},      {{}, {"a"}}};
  for (std::size_t made = 0; made < all.size(); ++made) {
    tokens_.set_asked(all[made].groups, all[made].claims);
    const std::string token = app_token();
    for (std::size_t asked = 0; asked < all.size(); ++asked) {
      tokens_.set_asked(all[asked].groups, all[asked].claims);
      EXPECT_EQ(tokens_.check_app(token, "aud", kTokenTime).has_value(), asked == made)
          << made << " " << asked;
    }
  }
}

TEST_F(TokenTest, ANoteOfAnIdentityHasAllOfIt) {
  ann_.subject = "a-subject";
  ann_.issued = kTokenTime;
  ann_.groups.names = {"admins"};
  ann_.claims["login"] = {"ann"};
  boost::json::object note;
  write_identity(note, ann_);
  const Identity read = read_identity(note);
  EXPECT_EQ(read.email, ann_.email);
  EXPECT_EQ(read.provider, ann_.provider);
  EXPECT_EQ(read.nonce, ann_.nonce);
  EXPECT_EQ(read.subject, ann_.subject);
  EXPECT_EQ(read.issued, ann_.issued);
  EXPECT_EQ(read.groups, ann_.groups);
  EXPECT_EQ(read.claims, ann_.claims);
  ann_.groups = {{}, GroupsUnknown::too_many};
  write_identity(note, ann_);
  EXPECT_TRUE(read_identity(note).groups.unknown);
}

}  // namespace
}  // namespace cfpipe::edge
