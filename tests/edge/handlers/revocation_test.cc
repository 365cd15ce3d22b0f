// Who has lost access: tokens from before are void, whatever they are, and open tunnels end.
#include "edge/tunnels_fixture.h"

namespace cfpipe::edge {
namespace {

class Revocation : public TunnelsTest {
 protected:
  /// As another process does it.
  void revoke(const std::string& email) {
    const auto other = open_sqlite_store(dir_ / "state").value();
    ASSERT_TRUE(other->revocations().revoke_person(email, now_));
  }
};

TEST_F(Revocation, VoidsWhatWasIssuedUpToNowAndNothingLater) {
  const auto tokens = program_login("ann@example.com");
  const std::string app(tokens.app_token.reveal());
  ASSERT_TRUE(opens(app));
  revoke("Ann@Example.com");
  EXPECT_FALSE(opens(app)) << "issued in the same second";
  EXPECT_EQ(std::get<Answer>(ask(app)).status, 302) << "to the login, not to a wall";
  EXPECT_EQ(browser_->get("https://auth.localhost:8443/cdn-cgi/access/get-identity").status, 401);
  now_ += 1;
  EXPECT_FALSE(opens(app));
  const Answer page = browser_->follow("https://b.localhost:8443/");
  EXPECT_NE(page.body.find("name=\"email\""), std::string::npos) << "the session is no good for another one";
  EXPECT_TRUE(opens(std::string(program_login("ann@example.com").app_token.reveal())));
}

TEST_F(Revocation, IsAboutThatPersonAlone) {
  const auto tokens = program_login("ann@example.com");
  for (const char* other : {"nn@example.com", "ann@example.co", "bob@example.com"}) revoke(other);
  EXPECT_TRUE(opens(std::string(tokens.app_token.reveal())));
}

TEST_F(Revocation, OutlivesARestartAndIsNotTakenBackByAnEarlierOne) {
  const auto tokens = program_login("ann@example.com");
  revoke("ann@example.com");
  now_ -= 100;
  revoke("ann@example.com");
  now_ += 200;
  site_.reset();
  store_.reset();
  store_ = open_sqlite_store(dir_ / "state").value();
  make_site(two_applications(dir_ / "state"));
  EXPECT_FALSE(opens(std::string(tokens.app_token.reveal())));
}

TEST_F(Revocation, ReachesASignInThatIsHalfWay) {
  const Answer page = browser_->follow("https://vm.localhost:8443/");
  const std::string authorized = header_of(browser_->post_form(page, "ann@example.com"), "Location");
  revoke("ann@example.com");
  now_ += 1;
  EXPECT_TRUE(header_of(browser_->get(authorized), "Location").find("/cdn-cgi/access/login/") !=
              std::string::npos)
      << "its code was issued before";

  const auth::TransferReceiver receiver;
  const Answer form = browser_->follow(cli_url(receiver.public_key()));
  const Answer back = browser_->get(header_of(browser_->post_form(form, "ann@example.com"), "Location"));
  ASSERT_EQ(header_of(back, "Location"), cli_url(receiver.public_key()));
  revoke("ann@example.com");
  now_ += 1;
  EXPECT_EQ(browser_->get(cli_url(receiver.public_key())).status, 302) << "its grant too";
  EXPECT_EQ(browser_->get("https://auth.localhost:8443/transfer/" + receiver.public_key()).status, 202);
}

TEST_F(Revocation, EndsThatPersonsTunnels) {
  Tunnel ann;
  Tunnel bob;
  Tunnel anonymous;
  open(std::string(program_login("ann@example.com").app_token.reveal()), ann);
  browser_ = std::make_unique<Browser>(io_, *site_);
  open(std::string(program_login("bob@example.com").app_token.reveal()), bob);
  TunnelGrant bypassed;
  bypassed.app_hostname = "vm.localhost";
  open(bypassed, anonymous);
  look();
  EXPECT_EQ(ann.told, "");
  revoke("ann@example.com");
  look();
  EXPECT_EQ(ann.told, "access was revoked");
  EXPECT_EQ(bob.told, "");
  EXPECT_EQ(anonymous.told, "");
}

TEST_F(Revocation, EndsATunnelThatWasGrantedBeforeAndOpensAfter) {
  const auto granted = ask(std::string(program_login("ann@example.com").app_token.reveal()));
  ASSERT_TRUE(std::holds_alternative<TunnelGrant>(granted));
  revoke("ann@example.com");
  look();
  Tunnel late;
  open(std::get<TunnelGrant>(granted), late);
  io_.restart();
  io_.poll();
  EXPECT_EQ(late.told, "access was revoked");
}

TEST_F(Revocation, OfAServiceTokenEndsItsTunnels) {
  const auto made =
      ServiceTokens(store_->service_tokens()).create("deploy", kDefaultServiceToken, now_).value();
  ASSERT_TRUE(made);
  TunnelGrant grant;
  grant.app_hostname = "vm.localhost";
  grant.identity = "deploy";
  grant.client_id = made->client_id;
  Tunnel tunnel;
  open(grant, tunnel);
  now_ += kDefaultServiceToken.count() + 1;
  revoke("stranger@example.com");
  look();
  EXPECT_EQ(tunnel.told, "") << "its time is over, which is no revocation";
  ASSERT_TRUE(open_sqlite_store(dir_ / "state").value()->service_tokens().erase("deploy"));
  look();
  EXPECT_EQ(tunnel.told, "access was revoked");
}

}  // namespace
}  // namespace cfpipe::edge
