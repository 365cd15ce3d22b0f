#include "edge/handlers/terminal_authority.h"

#include <memory>
#include <variant>

#include "auth/ssh/key.h"
#include "edge/context_fixture.h"
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
