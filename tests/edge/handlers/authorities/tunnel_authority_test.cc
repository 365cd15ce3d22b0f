#include "edge/handlers/tunnel_authority.h"

#include <memory>
#include <variant>

#include "edge/context_fixture.h"
#include "edge/tunnel/origin.h"

namespace cfpipe::edge {
namespace {

class TunnelsAlone : public HandlersTest {
 protected:
  std::variant<TunnelGrant, Answer> ask(const Identity& identity) {
    return tunnels_.grant(with_header(request("/"), "Cf-Access-Token", app_token(identity)), app());
  }
  struct Tunnel {
    std::int64_t id = 0;
    std::string told;
    std::shared_ptr<TunnelHandle> end;
  };
  std::unique_ptr<Tunnel> open(const Identity& identity) {
    auto out = std::make_unique<Tunnel>();
    out->end = std::make_shared<TunnelHandle>(io_.get_executor());
    out->end->on_dismissed([tunnel = out.get()](const std::string& why) { tunnel->told = why; });
    out->id = tunnels_.opened(std::get<TunnelGrant>(ask(identity)), request("/"), out->end);
    return out;
  }
  void tell() {
    io_.restart();
    io_.poll();
  }
};

TEST_F(TunnelsAlone, AreRecordedWhenTheyOpenAndClose) {
  const auto tunnel = open(person());
  EXPECT_EQ(tunnels_.open().size(), 1u);
  tunnels_.closed(tunnel->id, 3, 4, "done");
  EXPECT_TRUE(tunnels_.open().empty());
  ASSERT_EQ(rows("tunnel_open").size(), 1u);
  ASSERT_EQ(rows("tunnel_close").size(), 1u);
  EXPECT_EQ(rows("tunnel_close")[0].tunnel, tunnel->id);
  EXPECT_EQ(rows("tunnel_close")[0].up_bytes, 3u);
}

TEST_F(TunnelsAlone, TellWhenTheLastHasEnded) {
  int idle = 0;
  tunnels_.on_idle([&idle] { ++idle; });
  const auto first = open(person());
  const auto second = open(person());
  tunnels_.closed(first->id, 0, 0, "done");
  EXPECT_EQ(idle, 0);
  tunnels_.closed(second->id, 0, 0, "done");
  EXPECT_EQ(idle, 1);
}

TEST_F(TunnelsAlone, OfARevokedSignInEnd) {
  const auto ann = open(person());
  const auto bob = open(person("bob@example.com"));
  ASSERT_TRUE(store_->revocations().revoke_session(person().nonce, now_ + 1000));
  tunnels_.end_revoked();
  tell();
  EXPECT_EQ(ann->told, "access was revoked");
  EXPECT_EQ(bob->told, "");
}

TEST_F(TunnelsAlone, OfAnotherConfigurationEndUnlessTheyMayStay) {
  const auto tunnel = open(person());
  Config config = two_applications(dir_ / "state");
  config.applications[0].policies[0].exclude.push_back({Rule::Kind::email, "ann@example.com"});
  config.tunnels_stay = true;
  use(config);
  tunnels_.reconfigured();
  tell();
  EXPECT_EQ(tunnel->told, "");
  config.tunnels_stay = false;
  use(config);
  tunnels_.reconfigured();
  tell();
  EXPECT_EQ(tunnel->told, "the application's policies do not admit you any more");
}

TEST_F(TunnelsAlone, LeadToTheApplicationsOrigin) {
  Config config = two_applications(dir_ / "state");
  config.applications[0].session_limit = std::chrono::seconds(60);
  config.applications[1].origin_path = "/run/app.sock";
  use(config);
  const auto granted = std::get<TunnelGrant>(ask(person()));
  EXPECT_EQ(granted.origin->text(), "127.0.0.1:22");
  EXPECT_EQ(granted.target, granted.origin);
  EXPECT_FALSE(granted.origin->chosen_by_client());
  EXPECT_EQ(granted.session_limit, std::chrono::seconds(60)) << "which the tunnel's relay keeps";
  EXPECT_EQ(tunnels_.grant_of(*applications_.find("b.localhost"), "b.localhost", person()).origin->text(),
            "unix:/run/app.sock");
}

TEST_F(TunnelsAlone, LeadToTheDestinationThatWasAskedFor) {
  Config config = two_applications(dir_ / "state");
  config.applications[0].destinations = {*parse_destination("10.0.0.0/8:22")};
  use(config);
  Request asked = with_header(request("/"), "Cf-Access-Token", app_token(person()));
  asked = with_header(asked, "Cf-Access-Jump-Destination", "10.0.0.5:22");
  const auto granted = std::get<TunnelGrant>(tunnels_.grant(asked, app()));
  EXPECT_EQ(granted.origin->text(), "10.0.0.5:22");
  EXPECT_TRUE(granted.origin->chosen_by_client());
  EXPECT_EQ(granted.target, granted.origin);
  EXPECT_EQ(granted.destination, "10.0.0.5:22");
}

TEST_F(TunnelsAlone, LeadThroughTheApplicationsConnectors) {
  Config config = two_applications(dir_ / "state");
  config.applications[0].connectors = {"office", "attic"};
  config.applications[0].destinations = {*parse_destination("10.0.0.0/8:22")};
  use(config);
  Request asked = with_header(request("/"), "Cf-Access-Token", app_token(person()));
  EXPECT_EQ(std::get<TunnelGrant>(tunnels_.grant(asked, app())).origin->via(), "office, attic");
  asked = with_header(asked, "Cf-Access-Jump-Destination", "10.0.0.5:22");
  const auto granted = std::get<TunnelGrant>(tunnels_.grant(asked, app()));
  EXPECT_EQ(granted.origin->text(), "10.0.0.5:22");
  tunnels_.opened(granted, asked, std::make_shared<TunnelHandle>(io_.get_executor()));
  EXPECT_EQ(rows("tunnel_open").back().reason, "to 10.0.0.5:22, by the connector office, attic");
  EXPECT_EQ(tunnels_.grant_of(*applications_.find("b.localhost"), "b.localhost", person()).origin->via(), "");
}

TEST_F(TunnelsAlone, AreRefusedToAPageOfAnotherHost) {
  const Request cookie = with_header(request("/"), "Cookie", "CF_Authorization=" + app_token(person()));
  const auto refused = tunnels_.grant(with_header(cookie, "Origin", "https://b.localhost:8443"), app());
  ASSERT_TRUE(std::holds_alternative<Answer>(refused));
  EXPECT_EQ(std::get<Answer>(refused).status, 403);
  const auto granted = tunnels_.grant(with_header(cookie, "Origin", "https://vm.localhost:8443"), app());
  EXPECT_TRUE(std::holds_alternative<TunnelGrant>(granted));
}

}  // namespace
}  // namespace cfpipe::edge
