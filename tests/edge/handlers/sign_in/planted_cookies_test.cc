// Cookies that another host of the domain has planted in a browser.
#include "edge/edge_fixture.h"

namespace cfpipe::edge {
namespace {

constexpr const char* kWho = "/cdn-cgi/access/get-identity";

class PlantedCookies : public SiteTest {
 protected:
  /// The URL at which an attacker's sign-in ends, in a session of the attacker's choice.
  std::string authorized_url(const std::string& session) {
    Browser attacker(io_, *site_);
    for (const char* name : {"CF_AppSession", "__Host-CF_AppSession"})
      attacker.set_cookie("vm.localhost", name, session);
    const Answer page = attacker.follow("https://vm.localhost:8443/");
    return header_of(attacker.post_form(page, "evil@example.com"), "Location");
  }
  Answer visit(Browser& browser, const std::string& method, const std::string& url, const std::string& site) {
    Request request = browser.request(method, url);
    if (!site.empty()) request.headers.emplace_back("Sec-Fetch-Site", site);
    return browser.send(request);
  }
  std::string who(Browser& browser, const std::string& host, const std::string& site = {}) {
    const Answer answer = visit(browser, "GET", "https://" + host + ":8443" + kWho, site);
    const std::size_t start = answer.body.find("\"email\":\"");
    if (start == std::string::npos) return "anonymous";
    return answer.body.substr(start + 9, answer.body.find('"', start + 9) - start - 9);
  }
};

TEST_F(PlantedCookies, ASessionSignsNoVictimInAsTheAttacker) {
  const std::string session(43, 'x');
  for (const char* method : {"GET", "HEAD"}) {
    for (const char* site : {"", "none", "same-site", "cross-site"}) {
      const std::string url = authorized_url(session);
      ASSERT_NE(url.find("/authorized?code="), std::string::npos);
      Browser victim(io_, *site_);
      victim.set_cookie("vm.localhost", "CF_AppSession", session);
      EXPECT_EQ(visit(victim, method, url, site).status, 400) << method << ' ' << site;
      EXPECT_EQ(who(victim, "vm.localhost"), "anonymous");
    }
  }
}

TEST_F(PlantedCookies, AnExchangeOfTheAttackersSignsNoVictimIn) {
  const auto tokens = program_login("evil@example.com");
  const std::string org(tokens.org_token.reveal());
  struct Way {
    const char* method;
    const char* site;
  };
  for (const Way& way : {Way{"GET", ""}, Way{"GET", "none"}, Way{"GET", "cross-site"},
                         Way{"HEAD", "same-site"}, Way{"HEAD", "cross-site"}, Way{"HEAD", "same-origin"}}) {
    Browser attacker(io_, *site_);
    const ExchangeEnd end = walk_to_authorized(attacker, org);
    ASSERT_FALSE(end.url.empty());
    Browser victim(io_, *site_);
    victim.set_cookie("b.localhost", "CF_AppSession", end.session);
    EXPECT_EQ(visit(victim, way.method, end.url, way.site).status, 400) << way.method << ' ' << way.site;
    EXPECT_EQ(who(victim, "b.localhost"), "anonymous");
  }
}

TEST_F(PlantedCookies, ASessionThatWasPlantedIsNotTakenOver) {
  const std::string planted(43, 'x');
  browser_->set_cookie("vm.localhost", "CF_AppSession", planted);
  browser_->get("https://vm.localhost:8443/");
  EXPECT_NE(browser_->cookie("vm.localhost", "__Host-CF_AppSession"), planted);
  EXPECT_EQ(browser_->sign_in("https://vm.localhost:8443/", "ann@example.com").status, 200);
  EXPECT_EQ(who(*browser_, "vm.localhost"), "ann@example.com");
}

TEST_F(PlantedCookies, ATokenLocksNoUserOut) {
  ASSERT_EQ(browser_->sign_in("https://vm.localhost:8443/", "ann@example.com").status, 200);
  for (const char* host : {"vm.localhost", "auth.localhost"}) {
    browser_->set_cookie(host, "CF_Authorization", "junk");
    for (const char* site : {"", "none", "same-site"})
      EXPECT_EQ(who(*browser_, host, site), "ann@example.com");
  }
}

TEST_F(PlantedCookies, AmongTokensOfAProgramAnyThatVerifiesCounts) {
  const auto tokens = program_login();
  Request request = browser_->request("GET", std::string("https://vm.localhost:8443") + kWho);
  request.headers = {{"Cookie", "CF_Authorization=junk; CF_Authorization=a.b.c"},
                     {"Cookie", "CF_Authorization=" + std::string(tokens.app_token.reveal())}};
  EXPECT_EQ(browser_->send(request).status, 200);
  EXPECT_TRUE(std::holds_alternative<TunnelGrant>(site_->router().upgrade([&] {
    Request upgrade = request;
    upgrade.path = "/";
    return upgrade;
  }())));
}

TEST_F(PlantedCookies, ATokenOfTheAttackersMakesNoVictimTheAttacker) {
  Browser attacker(io_, *site_);
  ASSERT_EQ(attacker.sign_in("https://vm.localhost:8443/", "evil@example.com").status, 200);
  for (const char* host : {"vm.localhost", "auth.localhost"}) {
    const std::string theirs = attacker.cookie(host, "__Host-CF_Authorization");
    ASSERT_FALSE(theirs.empty());
    Browser victim(io_, *site_);
    victim.set_cookie(host, "CF_Authorization", theirs);
    for (const char* site : {"none", "same-origin", "same-site", "cross-site"})
      EXPECT_EQ(who(victim, host, site), "anonymous") << site;
  }
  ASSERT_EQ(browser_->sign_in("https://vm.localhost:8443/", "ann@example.com").status, 200);
  for (const char* host : {"vm.localhost", "auth.localhost"}) {
    browser_->set_cookie(host, "CF_Authorization", attacker.cookie(host, "__Host-CF_Authorization"));
    EXPECT_EQ(who(*browser_, host), "ann@example.com")
        << "the host-bound one comes first in old browsers, too";
  }
}

TEST_F(PlantedCookies, AProgramsExchangeNeedsNoneThatIsHostBound) {
  const auto tokens = program_login();
  Browser client(io_, *site_);
  EXPECT_NE(exchanged(client, std::string(tokens.org_token.reveal())), "");
  Browser of_a_browser(io_, *site_);
  EXPECT_NE(exchanged(of_a_browser, browser_->cookie("auth.localhost", "__Host-CF_Authorization")), "");
}

}  // namespace
}  // namespace cfpipe::edge
