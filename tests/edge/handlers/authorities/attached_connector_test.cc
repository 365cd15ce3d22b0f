// Connectors at the edge: the end of those that are attached.
#include "edge/connector_authority_fixture.h"

namespace cfpipe::edge {
namespace {

class NotedHost final : public LinkHost {
 public:
  const std::shared_ptr<transport::H2Connection>& connection() const override { return none_; }
  void end(const std::string& why) override { ended = why; }
  void join(std::unique_ptr<tunnel::Stream>, std::unique_ptr<tunnel::Stream>,
            std::shared_ptr<const void>) override {}

  std::string ended;

 private:
  std::shared_ptr<transport::H2Connection> none_;
};

/// Connections of the peer, as the listener keeps them.
class AttachedConnectorTest : public ConnectorAuthorityTest {
 protected:
  void attach(NotedHost& host) {
    const AttachGrant grant{peer_.claim.id, "office", peer_.claim.instance, "1.0.0", nullptr};
    const auto link = std::make_shared<ConnectorLink>(io_.get_executor(), grant, "192.0.2.1", now_);
    link->carry(&host);
    EXPECT_TRUE(context_->connectors->add(link));
  }
  /// How many connections were told to end.
  std::size_t look() {
    const std::size_t ended = authority_.end_revoked();
    io_.restart();
    io_.poll();
    return ended;
  }

  NotedHost one_, two_, other_;
};

TEST_F(AttachedConnectorTest, ARevocationByAnyProcessEndsAllConnectionsOfTheConnectorAlone) {
  enrol("office");
  const std::string revoked = peer_.claim.id;
  attach(one_);
  attach(two_);
  enrol("office");
  attach(other_);
  EXPECT_EQ(look(), 0u);
  EXPECT_TRUE(open_sqlite_store(dir_ / "state").value()->connectors().erase(revoked).value());
  EXPECT_EQ(look(), 2u);
  EXPECT_EQ(one_.ended, "the connector was revoked");
  EXPECT_EQ(two_.ended, "the connector was revoked");
  EXPECT_EQ(other_.ended, "");
}

TEST_F(AttachedConnectorTest, AConnectorThatJoinsAfterItsRevocationIsEndedToo) {
  enrol();
  EXPECT_EQ(look(), 0u);
  now_ += kChallengeSeconds;
  ASSERT_TRUE(grants(peer_.attach(challenge())));
  ASSERT_TRUE(store_->connectors().erase(peer_.claim.id).value());
  EXPECT_EQ(look(), 0u);
  now_ += 5;
  attach(one_);
  EXPECT_EQ(look(), 1u);
  EXPECT_NE(one_.ended, "");
}

TEST_F(AttachedConnectorTest, AStoreThatCannotBeReadEndsNoConnection) {
  enrol();
  attach(one_);
  ASSERT_TRUE(store_->connectors().erase(peer_.claim.id).value());
  change_database("DROP TABLE connectors");
  EXPECT_EQ(look(), 0u);
  EXPECT_EQ(one_.ended, "");
}

}  // namespace
}  // namespace cfpipe::edge
