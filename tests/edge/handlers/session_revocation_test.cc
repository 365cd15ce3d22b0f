// One sign-in that has lost access, while the same person's others go on.
#include <ctime>

#include "edge/command/commands.h"
#include "edge/process/invoker.h"
#include "edge/store/audit_text.h"
#include "edge/tunnels_fixture.h"

namespace cfpipe::edge {
namespace {

class SessionRevocation : public TunnelsTest {
 protected:
  /// A whole login in a browser of its own; its tokens.
  auth::TransferredTokens sign_in() {
    browser_ = std::make_unique<Browser>(io_, *site_);
    return program_login("ann@example.com");
  }
  std::string last_session() {
    std::string note;
    for (const AuditRow& row : audit())
      if (row.kind == "login") note = row.reason;
    EXPECT_TRUE(note.starts_with("session ")) << note;
    return note.substr(std::min<std::size_t>(note.size(), std::string("session ").size()));
  }
  /// As another process does it.
  void revoke(const std::string& session) {
    const auto other = open_sqlite_store(dir_ / "state").value();
    ASSERT_TRUE(other->revocations().revoke_session(session, now_ + 1000));
  }
  static std::string text_of(const auth::TransferredTokens& tokens) {
    return std::string(tokens.app_token.reveal());
  }
};

TEST_F(SessionRevocation, VoidsWhatCameOfThatSignInAlone) {
  const std::string first = text_of(sign_in());
  const std::string session = last_session();
  const auto first_browser = std::move(browser_);
  const std::string second = text_of(sign_in());
  EXPECT_NE(last_session(), session);
  Tunnel of_first;
  Tunnel of_second;
  open(first, of_first);
  open(second, of_second);
  revoke(session);
  EXPECT_FALSE(opens(first));
  EXPECT_TRUE(opens(second));
  look();
  EXPECT_EQ(of_first.told, "access was revoked");
  EXPECT_EQ(of_second.told, "");
  constexpr const char* kWho = "https://auth.localhost:8443/cdn-cgi/access/get-identity";
  EXPECT_EQ(first_browser->get(kWho).status, 401);
  EXPECT_EQ(browser_->get(kWho).status, 200);
  const Answer other_app = first_browser->follow("https://b.localhost:8443/");
  EXPECT_NE(other_app.body.find("name=\"email\""), std::string::npos)
      << "no other application's token either";
}

TEST_F(SessionRevocation, ReachesASignInThatIsHalfWay) {
  const Answer page = browser_->follow("https://vm.localhost:8443/");
  const std::string authorized = header_of(browser_->post_form(page, "ann@example.com"), "Location");
  revoke(last_session());
  EXPECT_NE(header_of(browser_->get(authorized), "Location").find("/cdn-cgi/access/login/"),
            std::string::npos);
}

TEST_F(SessionRevocation, OutlivesARestart) {
  const std::string token = text_of(sign_in());
  revoke(last_session());
  site_.reset();
  store_.reset();
  store_ = open_sqlite_store(dir_ / "state").value();
  make_site(two_applications(dir_ / "state"));
  EXPECT_FALSE(opens(token));
}

TEST_F(SessionRevocation, OfTheCommandNamesOneThatTheAuditKnows) {
  now_ = std::time(nullptr);
  const std::string token = text_of(sign_in());
  const StateOption option{dir_ / "state", {}};
  EXPECT_EQ(revoke_session(option, "short"), 64);
  EXPECT_EQ(revoke_session(option, "AAAAAAAAAAAAAAAA"), 64) << "an unknown session";
  EXPECT_EQ(revoke_session(option, "AAAAAAAAAAAAAAA'"), 64);
  EXPECT_TRUE(opens(token));
  const std::string session = last_session();
  EXPECT_EQ(revoke_session(option, session), 0);
  EXPECT_FALSE(opens(token));
  EXPECT_EQ(audit().back().kind, "revoke");
  EXPECT_EQ(audit().back().identity, "ann@example.com");
  EXPECT_EQ(audit().back().reason, session_note(session) + ", by command of " + invoking_user());
}

}  // namespace
}  // namespace cfpipe::edge
