// Connectors in the API.
#include "edge/connector_fixture.h"
#include "edge/dashboard_fixture.h"

namespace cfpipe::edge {
namespace {

class ConnectorsInTheApi : public DashboardTest {
 protected:
  void SetUp() override {
    DashboardTest::SetUp();
    sign_in("root@example.com");
  }
  std::string token(const std::string& name = "office") {
    const auto made = ask("POST", "connectors", {{"name", name}});
    EXPECT_EQ(made.status, 201);
    return std::string(made.body.at("token").as_string());
  }
  void enrol(ConnectorPeer& peer) {
    const auto parsed = auth::EnrolmentToken::parse(token());
    const Answer answer = browser_->send(peer.enrol(std::string(parsed.value().secret.reveal())));
    ASSERT_EQ(answer.status, 200) << answer.body;
    peer.claim.id = std::string(json::parse(answer.body).at("id").as_string());
  }
  void attach(const ConnectorPeer& peer) {
    const AttachGrant grant{peer.claim.id, "office", peer.claim.instance, "1.0.0", nullptr};
    EXPECT_TRUE(site_->context().connectors->add(
        std::make_shared<ConnectorLink>(io_.get_executor(), grant, "192.0.2.1", now_)));
  }
  json::array listed() { return ask("GET", "connectors").body.at("connectors").as_array(); }
};

TEST_F(ConnectorsInTheApi, ATokenIsMadeAndShownOnce) {
  const auto made = ask("POST", "connectors", {{"name", "office"}});
  ASSERT_EQ(made.status, 201);
  const auto token = auth::EnrolmentToken::parse(std::string(made.body.at("token").as_string()));
  ASSERT_TRUE(token);
  EXPECT_EQ(token->edge.text(), "auth.localhost:8443");
  EXPECT_EQ(made.body.at("expires").as_string(), rfc3339(now_ + 600));
  EXPECT_EQ(ask("POST", "connectors", {{"name", "a b"}}).status, 400);
  EXPECT_EQ(ask("POST", "connectors").status, 400);
  EXPECT_TRUE(listed().empty()) << "none has enrolled yet";
  const auto noted = rows_of("connector_created");
  ASSERT_EQ(noted.size(), 1u);
  EXPECT_EQ(noted[0].identity, "office");
  EXPECT_NE(noted[0].reason.find("by root@example.com"), std::string::npos);
  for (const AuditRow& row : rows_of({}))
    EXPECT_EQ(row.reason.find(token->secret.reveal()), std::string::npos);
}

TEST_F(ConnectorsInTheApi, ThoseAttachedHereAndElsewhereAreListed) {
  ConnectorPeer peer;
  enrol(peer);
  EXPECT_TRUE(listed()[0].at("attached").as_array().empty());
  EXPECT_EQ(listed()[0].at("last_attached").as_string(), "");
  attach(peer);
  attach(peer);
  TunnelChanges elsewhere;
  elsewhere.attached = {{{}, peer.claim.id, "other-instance-1", "1.0.1", "192.0.2.9", now_ - 5, 1, 3}};
  boost::asio::co_spawn(io_, store_->tunnels().async_publish("other-edge", elsewhere, now_),
                        [](const std::exception_ptr&, const Result<bool>& done) { EXPECT_TRUE(done); });
  io_.restart();
  io_.run();
  const auto all = listed();
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].at("id").as_string(), peer.claim.id);
  EXPECT_EQ(all[0].at("name").as_string(), "office");
  EXPECT_EQ(all[0].at("host").as_string(), "server1");
  const auto& attached = all[0].at("attached").as_array();
  ASSERT_EQ(attached.size(), 2u);
  EXPECT_EQ(attached[0].at("edge").as_string(), "other-edge");
  EXPECT_EQ(attached[0].at("tunnels").as_int64(), 3);
  EXPECT_EQ(attached[1].at("edge").as_string(), site_->tunnels().published().edge());
  EXPECT_EQ(attached[1].at("connections").as_int64(), 2);
  EXPECT_EQ(attached[1].at("peer").as_string(), "192.0.2.1");
}

// What this process has written for the others does not come back to it as of another.
TEST_F(ConnectorsInTheApi, AnAttachmentOfThisProcessIsListedOnceByAll) {
  ConnectorPeer peer;
  enrol(peer);
  attach(peer);
  look();
  io_.restart();
  io_.run();
  EXPECT_EQ(listed()[0].at("attached").as_array().size(), 1u);
  const auto seen = store_->connectors().list_attached(now_).value();
  ASSERT_EQ(seen.size(), 1u);
  EXPECT_EQ(seen[0].edge, site_->tunnels().published().edge());
  EXPECT_EQ(seen[0].connector, peer.claim.id);
}

TEST_F(ConnectorsInTheApi, ARevocationGoesByIdOrNameAndIsRecorded) {
  ConnectorPeer one, two;
  enrol(one);
  enrol(two);
  EXPECT_EQ(ask("DELETE", "connectors/" + one.claim.id).status, 200);
  EXPECT_EQ(listed().size(), 1u);
  EXPECT_EQ(ask("DELETE", "connectors/office").status, 200);
  EXPECT_TRUE(listed().empty());
  EXPECT_EQ(ask("DELETE", "connectors/office").status, 409);
  EXPECT_EQ(ask("DELETE", "connectors/a%20b").status, 400);
  const auto noted = rows_of("connector_revoked");
  ASSERT_EQ(noted.size(), 2u);
  EXPECT_EQ(noted[1].identity, "office");
  EXPECT_EQ(noted[1].reason, one.claim.id + " on server1, by root@example.com");
}

TEST_F(ConnectorsInTheApi, ARevocationVoidsTheTokensOfTheName) {
  const auto parsed = auth::EnrolmentToken::parse(token());
  EXPECT_EQ(ask("DELETE", "connectors/office").status, 409) << "none is enrolled";
  EXPECT_EQ(browser_->send(ConnectorPeer().enrol(std::string(parsed.value().secret.reveal()))).status, 403);
}

}  // namespace
}  // namespace cfpipe::edge
