#include "edge/identity/connectors.h"

#include <gtest/gtest.h>

#include <functional>

#include "auth/connector/protocol.h"
#include "edge/store/sqlite_store.h"
#include "support/temp_dir.h"

namespace cfpipe::edge {
namespace {

class ConnectorsTest : public ::testing::Test {
 protected:
  static constexpr std::int64_t kNow = 1'800'000'000;
  using Why = Connectors::Enrolled::Why;

  std::string invited(const std::string& name, std::int64_t now = kNow) {
    const auto made = connectors_.invite(name, Authority::parse("auth.localhost:8443").value(), now).value();
    return std::string(made->secret.reveal());
  }
  Connectors::Enrolled enrol(const std::string& secret, std::int64_t now = kNow) {
    return connectors_.enrol({secret, std::string(32, 'k'), "server1"}, now).value();
  }

  TempDir dir_;
  std::unique_ptr<Store> store_ = open_sqlite_store(dir_ / "state").value();
  Connectors connectors_{store_->connectors(), store_->pending()};
};

TEST_F(ConnectorsTest, ATokenNamesItsEdgeAndTheStateHasNoSecret) {
  const auto made =
      connectors_.invite("office", Authority::parse("auth.localhost:8443").value(), kNow).value();
  const std::string text(made->text().reveal());
  EXPECT_TRUE(text.starts_with("auth.localhost:8443/"));
  EXPECT_FALSE(store_->pending().find("connector", made->secret.reveal(), kNow).value());
}

TEST_F(ConnectorsTest, ATokenIsGoodOnceAndUpToTheSecondOfItsEnd) {
  const std::string secret = invited("office");
  const std::string other = invited("office");
  const auto enrolled = enrol(secret, kNow + kEnrolmentSeconds - 1);
  EXPECT_EQ(enrolled.why, Why::none);
  EXPECT_EQ(enrolled.row.name, "office");
  EXPECT_TRUE(auth::is_connector_id(enrolled.row.id));
  EXPECT_EQ(enrol(secret).why, Why::no_such_token);
  EXPECT_EQ(enrol(other, kNow + kEnrolmentSeconds).why, Why::no_such_token);
}

TEST_F(ConnectorsTest, RevokeGoesByIdOrTakesAllOfAName) {
  const auto one = enrol(invited("office")).row;
  const auto two = enrol(invited("office")).row;
  const auto other = enrol(invited("garage")).row;
  EXPECT_EQ(connectors_.revoke(one.id, kNow).value().size(), 1u);
  EXPECT_TRUE(store_->connectors().find(two.id).value());
  EXPECT_EQ(connectors_.revoke("office", kNow).value().front().id, two.id);
  EXPECT_TRUE(connectors_.revoke("office", kNow).value().empty());
  EXPECT_TRUE(store_->connectors().find(other.id).value());
}

TEST_F(ConnectorsTest, RevokingANameVoidsItsTokensAndNoLaterOnes) {
  const std::string before = invited("office");
  const std::string other = invited("garage");
  EXPECT_TRUE(connectors_.revoke("office", kNow).value().empty());
  const std::string after = invited("office");
  EXPECT_EQ(enrol(before).why, Why::no_such_token);
  EXPECT_EQ(enrol(after).why, Why::none);
  EXPECT_EQ(enrol(other).why, Why::none);
  const std::string again = invited("office");
  (void)connectors_.revoke("office", kNow + 1);
  EXPECT_EQ(enrol(again, kNow + 1).why, Why::no_such_token);
  const std::string late = invited("office", kNow + 500);
  EXPECT_EQ(enrol(late, kNow + 2 + kEnrolmentSeconds).why, Why::none)
      << "the mark has expired, the token not";
}

TEST_F(ConnectorsTest, RevokingAnIdLeavesTheTokensOfItsNameGood) {
  const auto one = enrol(invited("office")).row;
  const std::string secret = invited("office");
  EXPECT_EQ(connectors_.revoke(one.id, kNow).value().size(), 1u);
  EXPECT_EQ(enrol(secret).why, Why::none);
}

/// A store at which another process has its turn before a connector is kept, or right behind it.
class ConnectorStoreOfMany final : public ConnectorStore {
 public:
  explicit ConnectorStoreOfMany(ConnectorStore& all) : all_(all) {}
  std::function<void()> before = [] {};
  std::function<void()> behind = [] {};

  Result<bool> insert(const ConnectorRow& row) override {
    before();
    auto out = all_.insert(row);
    behind();
    return out;
  }
  Result<std::optional<ConnectorRow>> find(std::string_view id) override { return all_.find(id); }
  Result<std::vector<ConnectorRow>> list() override { return all_.list(); }
  Result<bool> erase(std::string_view id) override { return all_.erase(id); }
  Result<std::vector<ConnectorRow>> erase_named(std::string_view name) override {
    return all_.erase_named(name);
  }
  Result<void> touch(std::string_view id, std::int64_t now) override { return all_.touch(id, now); }
  Result<std::vector<AttachmentRow>> list_attached(std::int64_t now, std::string_view except) override {
    return all_.list_attached(now, except);
  }

 private:
  ConnectorStore& all_;
};

TEST_F(ConnectorsTest, ANameThatIsRevokedDuringAnEnrolmentHasNoConnectorAfterIt) {
  ConnectorStoreOfMany shared(store_->connectors());
  Connectors here(shared, store_->pending());
  const auto revoke = [&] { (void)connectors_.revoke("office", kNow); };
  const auto enrol_here = [&] {
    return here.enrol({invited("office"), std::string(32, 'k'), "server1"}, kNow).value().why;
  };
  shared.before = revoke;
  EXPECT_EQ(enrol_here(), Why::no_such_token);
  EXPECT_TRUE(store_->connectors().list().value().empty());
  shared.before = [] {};
  shared.behind = revoke;
  EXPECT_EQ(enrol_here(), Why::no_such_token);
  EXPECT_TRUE(store_->connectors().list().value().empty());
  shared.behind = [] {};
  EXPECT_EQ(enrol_here(), Why::none);
}

TEST_F(ConnectorsTest, TheNumberOfGoodTokensIsBounded) {
  const auto edge = Authority::parse("auth.localhost").value();
  for (std::int64_t i = 0; i < kMaxPending; ++i)
    ASSERT_TRUE(connectors_.invite("office", edge, kNow).value());
  EXPECT_FALSE(connectors_.invite("office", edge, kNow).value());
  EXPECT_TRUE(connectors_.invite("office", edge, kNow + kEnrolmentSeconds).value());
}

}  // namespace
}  // namespace cfpipe::edge
