// One site, by one configuration after another.
#include "edge/tunnels_fixture.h"

namespace cfpipe::edge {
namespace {

class Reload : public TunnelsTest {
 protected:
  Config config() const { return two_applications(dir_ / "state"); }
};

TEST_F(Reload, DecidesByTheNewPoliciesAtOnce) {
  program_login();
  EXPECT_EQ(browser_->get("https://vm.localhost:8443/").status, 200);
  Config next = config();
  next.applications[0].policies[0].exclude.push_back({Rule::Kind::email, "ann@example.com"});
  ASSERT_TRUE(site_->configure(std::move(next)));
  EXPECT_EQ(browser_->get("https://vm.localhost:8443/").status, 403);
  EXPECT_EQ(browser_->follow("https://b.localhost:8443/").status, 200);
  ASSERT_TRUE(site_->configure(config()));
  EXPECT_EQ(browser_->get("https://vm.localhost:8443/").status, 200);
}

TEST_F(Reload, ServesOtherApplications) {
  const std::string aud = store_->keys().audience("vm.localhost").value();
  Config next = config();
  next.applications[1].hostname = "c.localhost";
  ASSERT_TRUE(site_->configure(std::move(next)));
  EXPECT_EQ(browser_->get("https://b.localhost:8443/").status, 421);
  EXPECT_EQ(browser_->sign_in("https://c.localhost:8443/", "ann@example.com").status, 200);
  EXPECT_EQ(store_->keys().audience("vm.localhost").value(), aud);
  EXPECT_TRUE(store_->keys().find("ssh-ca/c.localhost").value().has_value());
}

TEST_F(Reload, SignInsThatAreUnderWayGoOn) {
  const Answer page = browser_->follow("https://vm.localhost:8443/");
  ASSERT_TRUE(site_->configure(config()));
  EXPECT_EQ(browser_->post_form(page, "ann@example.com").status, 302);
}

TEST_F(Reload, WhatCannotBeHadChangesNothing) {
  Config next = config();
  next.identity_provider = IdentityProvider::oidc;
  next.providers.emplace_back();
  next.providers.back().issuer = "https://idp.example.com";
  next.providers.back().client_id = "cfpipe";
  next.providers.back().client_secret_file = dir_ / "no-such-file";
  next.applications.pop_back();
  EXPECT_FALSE(site_->configure(std::move(next)));
  EXPECT_EQ(browser_->sign_in("https://b.localhost:8443/", "ann@example.com").status, 200);
}

TEST_F(Reload, LimitsHoldForTunnelsToCome) {
  const std::string token(program_login().app_token.reveal());
  Tunnel first, second;
  open(token, first);
  open(token, second);
  Config next = config();
  next.tunnel_limits.per_user = 1;
  ASSERT_TRUE(site_->configure(std::move(next)));
  look();
  EXPECT_EQ(first.told + second.told, "");
  EXPECT_FALSE(opens(token));
  for (const Tunnel& tunnel : {first, second}) site_->tunnels().closed(tunnel.id, 0, 0, "done");
  EXPECT_TRUE(opens(token));
}

}  // namespace
}  // namespace cfpipe::edge
