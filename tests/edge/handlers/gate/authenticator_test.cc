#include "edge/handlers/authenticator.h"

#include "edge/context_fixture.h"
#include "edge/http/cookies.h"

namespace cfpipe::edge {
namespace {

class Authentication : public ContextTest {
 protected:
  Authenticator credentials_{*context_};
};

TEST_F(Authentication, TakesATokenOfTheApplicationAlone) {
  const std::string token = app_token(person());
  ASSERT_TRUE(credentials_.check_app(token, app()));
  EXPECT_EQ(credentials_.check_app(token, app())->email, "ann@example.com");
  EXPECT_FALSE(credentials_.check_app(token, *applications_.find("b.localhost")));
  EXPECT_FALSE(credentials_.check_app(org_token(person(), Holder::browser), app()));
}

TEST_F(Authentication, RefusesARevokedSignInAndNoOther) {
  const std::string ann = app_token(person());
  const std::string bob = app_token(person("bob@example.com"));
  ASSERT_TRUE(store_->revocations().revoke_session(person().nonce, now_ + 1000));
  EXPECT_FALSE(credentials_.check_app(ann, app()));
  EXPECT_TRUE(credentials_.revoked(person()));
  EXPECT_TRUE(credentials_.check_app(bob, app()));
}

TEST_F(Authentication, LetsAHeaderDecideAlone) {
  const std::string cookie = std::string(kTokenCookie) + "=" + app_token(person());
  const Request with_cookie = with_header(request("/"), "Cookie", cookie);
  EXPECT_TRUE(credentials_.visitor(with_cookie, app()).identity);
  const Visitor who = credentials_.visitor(with_header(with_cookie, "Cf-Access-Token", "bad"), app());
  EXPECT_FALSE(who.identity);
  EXPECT_TRUE(who.by_header);
}

TEST_F(Authentication, ChecksServiceTokensAgainstTheStore) {
  const auto made =
      ServiceTokens(store_->service_tokens()).create("deploy", std::chrono::hours(1), now_).value();
  Request request = with_header(ContextTest::request("/"), "Cf-Access-Client-Id", made->client_id);
  request = with_header(request, "Cf-Access-Client-Secret", std::string(made->secret.reveal()));
  ASSERT_TRUE(credentials_.visitor(request, app()).identity);
  EXPECT_EQ(credentials_.visitor(request, app()).identity->service_token, "deploy");
  now_ += 2 * 3600;
  const Visitor late = credentials_.visitor(request, app());
  EXPECT_FALSE(late.identity);
  EXPECT_TRUE(late.shows_service_token);
  EXPECT_FALSE(late.fault.empty());
}

TEST_F(Authentication, TellsABrowsersSessionFromAPrograms) {
  const auto with = [this](Holder holder) {
    return with_header(request("/", "auth.localhost"), "Cookie",
                       std::string(kBrowserTokenCookie) + "=" + org_token(person(), holder));
  };
  EXPECT_TRUE(credentials_.browser_session(with(Holder::browser)));
  EXPECT_FALSE(credentials_.browser_session(with(Holder::program)));
}

TEST_F(Authentication, KeepsTunnelsOfATokenThatExpires) {
  const Identity ann = person();
  now_ = ann.expires + 1;
  EXPECT_FALSE(credentials_.no_longer_good({ann.email, ann.client_id, ann.nonce, ann.issued}));
  ASSERT_TRUE(store_->revocations().revoke_session(ann.nonce, now_ + 1000));
  EXPECT_TRUE(credentials_.no_longer_good({ann.email, ann.client_id, ann.nonce, ann.issued}));
}

TEST_F(Authentication, KeepsTunnelsWhereTheStoreCannotSay) {
  const Identity ann = person();
  const std::string deploy = "deploy", id = "1.access", none;
  const Authenticator::Credentials by_person{ann.email, ann.client_id, ann.nonce, ann.issued};
  const Authenticator::Credentials by_program{deploy, id, none, now_};
  EXPECT_TRUE(credentials_.no_longer_good(by_program)) << "there is no such service token";
  for (const char* table : {"service_tokens", "revoked_people", "revoked_sessions"})
    change_database(std::string("DROP TABLE ") + table);
  EXPECT_FALSE(credentials_.no_longer_good(by_program));
  EXPECT_FALSE(credentials_.no_longer_good(by_person));
  EXPECT_TRUE(credentials_.revoked(ann)) << "nothing new is opened by it";
}

}  // namespace
}  // namespace cfpipe::edge
