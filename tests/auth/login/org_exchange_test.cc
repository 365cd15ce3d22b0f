#include "auth/login/org_exchange.h"

#include <gtest/gtest.h>

namespace cfpipe::auth {
namespace {

using transport::HttpAnswer;
using transport::HttpRequest;
using transport::Url;
using ExchangeVerdict = ExchangeWalk::Verdict;

constexpr const char* kApp = "https://vm.example.com/";
constexpr const char* kOrgLogin =
    "https://team.cloudflareaccess.com/cdn-cgi/access/login/vm.example.com?kid=a";
constexpr const char* kAuthorized = "https://vm.example.com/cdn-cgi/access/authorized?nonce=n";

HttpAnswer redirect_with(const std::string& to, const std::string& cookie = {}) {
  HttpAnswer answer;
  answer.status = 302;
  answer.headers.emplace_back("Location", to);
  if (!cookie.empty()) answer.headers.emplace_back("Set-Cookie", cookie);
  return answer;
}

std::string cookie_of(const HttpRequest& request) {
  for (const auto& [name, value] : request.headers) {
    if (name == "Cookie") return value;
  }
  return {};
}

class OrgExchange : public ::testing::Test {
 protected:
  Application application_{"team.cloudflareaccess.com", std::string(64, 'a'), "vm.example.com"};
  Secret org_token_{std::string("org.token.x")};
  ExchangeWalk walk_{*transport::parse_url(kApp), application_, org_token_};
};

TEST_F(OrgExchange, WalksToTheTokenWithTheRightCookies) {
  EXPECT_EQ(walk_.request().method, "HEAD");
  EXPECT_EQ(walk_.request().url.str(), kApp);
  EXPECT_EQ(cookie_of(walk_.request()), "");
  ASSERT_EQ(walk_.take(redirect_with(kOrgLogin, "CF_AppSession=s1; Path=/; HttpOnly")),
            ExchangeVerdict::again);

  EXPECT_EQ(walk_.request().url.str(), kOrgLogin);
  EXPECT_EQ(cookie_of(walk_.request()), "CF_Authorization=org.token.x");
  ASSERT_EQ(walk_.take(redirect_with(kAuthorized)), ExchangeVerdict::again);

  EXPECT_EQ(cookie_of(walk_.request()), "CF_AppSession=s1");
  ASSERT_EQ(walk_.take(redirect_with(kApp, "CF_Authorization=app.token.y; Path=/; Max-Age=60")),
            ExchangeVerdict::token);
  EXPECT_EQ(walk_.token().reveal(), "app.token.y");
}

TEST_F(OrgExchange, ADenialWithItsReasonIsFinal) {
  ASSERT_EQ(walk_.take(redirect_with(kOrgLogin)), ExchangeVerdict::again);
  HttpAnswer denied;
  denied.status = 403;
  EXPECT_EQ(walk_.take(denied), ExchangeVerdict::none) << "another login may be what it wants";
  denied.headers.emplace_back("cfpipe-reason", "policy 'x' denies\x1b group y");
  EXPECT_EQ(walk_.take(denied), ExchangeVerdict::denied);
  EXPECT_EQ(walk_.why(), "policy 'x' denies? group y");
}

TEST_F(OrgExchange, AnExpiredCookieIsNoToken) {
  ASSERT_EQ(walk_.take(redirect_with(kOrgLogin)), ExchangeVerdict::again);
  ASSERT_EQ(walk_.take(redirect_with(kAuthorized)), ExchangeVerdict::again);
  EXPECT_EQ(walk_.take(redirect_with(kApp, "CF_Authorization=x; Expires=Thu, 01 Jan 1970 00:00:00 GMT")),
            ExchangeVerdict::none);
  EXPECT_FALSE(walk_.why().empty());
}

TEST_F(OrgExchange, TheOrgTokenNeverGoesToAnotherHost) {
  EXPECT_EQ(walk_.take(redirect_with("https://evil.example/cdn-cgi/access/login/vm.example.com")),
            ExchangeVerdict::none);
}

TEST_F(OrgExchange, TheOrgTokenNeverGoesToTheApplicationItself) {
  ASSERT_EQ(walk_.take(redirect_with("https://vm.example.com/cdn-cgi/access/login/vm.example.com")),
            ExchangeVerdict::again);
  EXPECT_EQ(cookie_of(walk_.request()), "");
}

TEST_F(OrgExchange, AnotherPortIsAnotherHost) {
  EXPECT_EQ(walk_.take(redirect_with("https://team.cloudflareaccess.com:8443/cdn-cgi/access/login/x")),
            ExchangeVerdict::none);
}

TEST_F(OrgExchange, TheSessionCookieGoesBackToWhoSetItOnly) {
  ASSERT_EQ(walk_.take(redirect_with(kOrgLogin)), ExchangeVerdict::again);
  ASSERT_EQ(walk_.take(redirect_with(kAuthorized, "CF_AppSession=of-the-auth-domain")),
            ExchangeVerdict::again);
  EXPECT_EQ(cookie_of(walk_.request()), "");
}

TEST_F(OrgExchange, ALoginPageMeansTheOrgTokenIsNotEnough) {
  ASSERT_EQ(walk_.take(redirect_with(kOrgLogin)), ExchangeVerdict::again);
  HttpAnswer page;
  page.status = 200;
  EXPECT_EQ(walk_.take(page), ExchangeVerdict::none);
}

TEST_F(OrgExchange, RelativeRedirectsAreFollowedAndPlainHttpIsNot) {
  ASSERT_EQ(walk_.take(redirect_with("/cdn-cgi/access/authorized?nonce=n")), ExchangeVerdict::again);
  EXPECT_EQ(walk_.request().url.str(), kAuthorized);
  ExchangeWalk other(*transport::parse_url(kApp), application_, org_token_);
  EXPECT_EQ(other.take(redirect_with("http://team.cloudflareaccess.com/cdn-cgi/access/login/x")),
            ExchangeVerdict::none);
}

TEST_F(OrgExchange, EndlessRedirectsEnd) {
  int requests = 1;
  while (walk_.take(redirect_with(kOrgLogin)) == ExchangeVerdict::again) ASSERT_LT(++requests, 100);
  EXPECT_EQ(requests, kMaxExchangeRequests);
}

TEST_F(OrgExchange, ARedirectWithoutTargetEndsTheWalk) {
  HttpAnswer answer;
  answer.status = 302;
  EXPECT_EQ(walk_.take(answer), ExchangeVerdict::none);
}

}  // namespace
}  // namespace cfpipe::auth
