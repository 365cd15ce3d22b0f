#include "edge/handlers/terminal_authority.h"

#include <memory>
#include <variant>

#include "auth/ssh/key.h"
#include "edge/context_fixture.h"
#include "edge/store/audit_text.h"
#include "edge/terminal/grant.h"
#include "edge/tunnel/origin.h"

namespace cfpipe::edge {
namespace {

class NoTerminals final : public TunnelTarget {
 public:
  boost::asio::awaitable<Connected> connect(const TunnelGrant&, SharedRequest,
                                            const ConnectionEnds&) override {
    co_return Answer();
  }
};

class TerminalsAlone : public HandlersTest {
 protected:
  void SetUp() override {
    Config config = two_applications(dir_ / "state");
    config.applications[0].browser_terminal = true;
    use(config);
  }
  TunnelGrant granted() {
    const Request asked =
        with_header(request("/cdn-cgi/access/terminal"), "Cf-Access-Token", app_token(person()));
    return std::get<TunnelGrant>(terminals_.grant(asked, app()));
  }
  static std::string key() { return auth::SshKey::generate(auth::KeyType::ed25519).authorized_key(); }

  CertificateIssuer certificates_{*context_, ssh_ca_};
  TerminalAuthority terminals_{*context_, applications_, credentials_, gate_,
                               tunnels_,  certificates_, ssh_ca_};
};

TEST_F(TerminalsAlone, AreServedWhereTheApplicationHasThem) {
  EXPECT_FALSE(terminals_.serves(app())) << "there is nothing to open one with";
  terminals_.use(std::make_shared<NoTerminals>());
  EXPECT_TRUE(terminals_.serves(app()));
  EXPECT_FALSE(terminals_.serves(*applications_.find("b.localhost")));
}

TEST_F(TerminalsAlone, EndWithTheTokenOfTheirPerson) {
  const TunnelGrant grant = granted();
  ASSERT_NE(grant.terminal, nullptr);
  EXPECT_EQ(grant.terminal->until, now_ + 3600);
  EXPECT_EQ(grant.terminal->users, std::vector<std::string>{"ann"});
}

TEST_F(TerminalsAlone, TrustTheFirstHostKeyAndNoOther) {
  const TunnelGrant grant = granted();
  EXPECT_EQ(terminals_.known_host_key(grant).value(), "");
  const std::string first = key();
  ASSERT_TRUE(terminals_.trust_host_key(grant, request("/"), first));
  EXPECT_EQ(terminals_.known_host_key(grant).value(), first);
  EXPECT_FALSE(terminals_.trust_host_key(grant, request("/"), key()));
  EXPECT_EQ(terminals_.known_host_key(grant).value(), first);
  EXPECT_EQ(rows("host_key").size(), 1u);
}

TEST_F(TerminalsAlone, MoveFilesUnlessTheApplicationForbidsIt) {
  EXPECT_TRUE(granted().terminal->files);
  Config config = two_applications(dir_ / "state");
  config.applications[0].browser_terminal = true;
  config.applications[0].browser_files = false;
  use(config);
  EXPECT_FALSE(granted().terminal->files);
}

TEST_F(TerminalsAlone, HaveTheirFilesInTheAudit) {
  const TunnelGrant grant = granted();
  terminals_.files_closed(grant, request("/"), {7, 8, std::chrono::seconds(61)});
  ASSERT_EQ(rows("files").size(), 1u);
  const AuditRow row = rows("files")[0];
  EXPECT_EQ(row.identity, "ann@example.com");
  EXPECT_EQ(row.up_bytes, 7u);
  EXPECT_EQ(row.down_bytes, 8u);
  EXPECT_EQ(row.reason, "SFTP from a terminal in the browser, for 1m1s");
  EXPECT_NE(audit_details(row).find("up=7 down=8"), std::string::npos) << audit_details(row);
  // One who opens and closes it all the time does not fill the audit.
  for (int i = 0; i < 2000; ++i) terminals_.files_closed(grant, request("/"), {});
  EXPECT_LT(rows("files").size(), 1000u);
}

TEST_F(TerminalsAlone, GetACertificateWhileTheApplicationHasOne) {
  const TunnelGrant grant = granted();
  const Request asked = request("/");
  EXPECT_TRUE(run(terminals_.certify(grant, asked, key())));
  Config config = two_applications(dir_ / "state");
  config.applications[0].certificates.reset();
  use(config);
  EXPECT_FALSE(run(terminals_.certify(grant, asked, key()))) << "a reload has taken them away";
  EXPECT_EQ(rows("certificate").size(), 1u);
}

}  // namespace
}  // namespace cfpipe::edge
