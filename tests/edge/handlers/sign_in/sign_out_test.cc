// What a sign-out in the browser voids.
#include "edge/handlers/sign_out.h"

#include "edge/context_fixture.h"
#include "edge/http/cookies.h"
#include "edge/tunnels_fixture.h"

namespace cfpipe::edge {
namespace {

constexpr const char* kLogout = "/cdn-cgi/access/logout";

class SigningOut : public TunnelsTest {
 protected:
  Answer sign_out(const std::string& host, const std::string& site = {}) {
    Request request = browser_->request("GET", "https://" + host + ":8443" + kLogout);
    if (!site.empty()) request.headers.emplace_back("Sec-Fetch-Site", site);
    return browser_->send(request);
  }
  int who(const std::string& host, const std::string& token, const std::string& name) {
    Browser other(io_, *site_);
    other.set_cookie(host, name, token);
    return other.get("https://" + host + ":8443/cdn-cgi/access/get-identity").status;
  }
  std::size_t revocations() {
    std::size_t count = 0;
    for (const AuditRow& row : audit()) count += row.kind == "revoke";
    return count;
  }
};

TEST_F(SigningOut, AtEitherHostVoidsEveryTokenOfTheSession) {
  for (const char* host : {"vm.localhost", "auth.localhost"}) {
    browser_ = std::make_unique<Browser>(io_, *site_);
    const auto tokens = program_login();
    const std::string app(tokens.app_token.reveal());
    const std::string org(tokens.org_token.reveal());
    const std::string of_browser = browser_->cookie("vm.localhost", "__Host-CF_Authorization");
    const std::string of_auth = browser_->cookie("auth.localhost", "__Host-CF_Authorization");
    Tunnel tunnel;
    open(app, tunnel);
    EXPECT_EQ(who("auth.localhost", of_auth, "__Host-CF_Authorization"), 200);
    EXPECT_LT(sign_out(host).status, 400);
    EXPECT_FALSE(opens(app)) << host;
    EXPECT_EQ(who("vm.localhost", of_browser, "__Host-CF_Authorization"), 401) << host;
    EXPECT_EQ(who("auth.localhost", of_auth, "__Host-CF_Authorization"), 401) << host;
    EXPECT_EQ(who("auth.localhost", org, "CF_Authorization"), 401) << host;
    Browser client(io_, *site_);
    EXPECT_EQ(exchanged(client, org), "") << host;
    look();
    EXPECT_EQ(tunnel.told, "access was revoked") << host;
    for (const char* name : {"CF_Authorization", "__Host-CF_Authorization"})
      EXPECT_EQ(browser_->cookie(host, name), "") << host;
  }
}

TEST_F(SigningOut, LeavesOtherSessionsOfThePersonAlone) {
  const std::string elsewhere(program_login().app_token.reveal());
  browser_ = std::make_unique<Browser>(io_, *site_);
  program_login();
  sign_out("auth.localhost");
  EXPECT_TRUE(opens(elsewhere));
}

TEST_F(SigningOut, LetsTheSamePersonSignInAgain) {
  program_login();
  browser_->follow(std::string("https://vm.localhost:8443") + kLogout);
  EXPECT_TRUE(opens(std::string(program_login().app_token.reveal())));
}

TEST_F(SigningOut, IsAskedAboutWhereAnotherPageLeadsToIt) {
  const std::string app(program_login().app_token.reveal());
  for (const char* host : {"vm.localhost", "auth.localhost"}) {
    for (const char* site : {"cross-site", "same-site"}) {
      const Answer page = sign_out(host, site);
      EXPECT_EQ(page.status, 200);
      EXPECT_NE(page.body.find("href=\"/cdn-cgi/access/logout\">Sign out</a>"), std::string::npos)
          << page.body;
      EXPECT_TRUE(opens(app)) << host << ' ' << site;
    }
  }
  sign_out("vm.localhost", "same-origin");
  EXPECT_FALSE(opens(app)) << "the link on that page";
  EXPECT_NE(sign_out("auth.localhost", "cross-site").body.find("is signed out"), std::string::npos)
      << "with no session left there is nothing to ask about";
}

TEST_F(SigningOut, IsRecordedOnceAndForSessionsAlone) {
  sign_out("vm.localhost");
  sign_out("auth.localhost");
  EXPECT_EQ(revocations(), 0U) << "a stranger has none";
  program_login();
  const std::string token = browser_->cookie("auth.localhost", "__Host-CF_Authorization");
  for (int again = 0; again < 3; ++again) {
    browser_->set_cookie("auth.localhost", "__Host-CF_Authorization", token);
    sign_out("auth.localhost");
  }
  EXPECT_EQ(revocations(), 1U);
  const auto rows = audit();
  EXPECT_EQ(rows.back().identity, "ann@example.com");
  EXPECT_TRUE(rows.back().reason.ends_with(", signed out")) << rows.back().reason;
}

class SignOutAlone : public HandlersTest {
 protected:
  ProviderSignIn providers_{*context_, applications_, outcome_};
  SignOut sign_out_{*context_, credentials_, providers_, tunnels_};
};

TEST_F(SignOutAlone, RevokesTheSignInOfTheCookieAndClearsIt) {
  const Request request =
      with_header(ContextTest::request("/cdn-cgi/access/logout", "auth.localhost"), "Cookie",
                  std::string(kBrowserTokenCookie) + "=" + org_token(person(), Holder::browser));
  const Answer answer = run(sign_out_.at_auth_domain(request));
  EXPECT_EQ(answer.status, 200);
  EXPECT_TRUE(credentials_.revoked(person()));
  EXPECT_FALSE(credentials_.revoked(person("bob@example.com")));
  EXPECT_EQ(rows("revoke").size(), 1u);
  EXPECT_NE(header_of(answer, "Set-Cookie"), "");
}

TEST_F(SignOutAlone, LeadsFromTheApplicationToTheAuthDomain) {
  const Request request = ContextTest::request("/cdn-cgi/access/logout");
  const Answer answer = sign_out_.at_applications(request, applications_.place_of(request));
  EXPECT_EQ(header_of(answer, "Location"), "https://auth.localhost:8443/cdn-cgi/access/logout");
  EXPECT_TRUE(rows("revoke").empty()) << "no user has signed in";
}

}  // namespace
}  // namespace cfpipe::edge
