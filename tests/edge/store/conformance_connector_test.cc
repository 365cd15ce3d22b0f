// Connectors and their attachments in any store.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <string>
#include <utility>
#include <vector>

#include "edge/store/conformance.h"

namespace cfpipe::edge {
namespace {

class ConnectorStoreConformance : public StoreConformance {
 protected:
  ConnectorStore& connectors() { return store_->connectors(); }
  static ConnectorRow row(const std::string& id, const std::string& name = "office",
                          std::int64_t created = 100) {
    return {id, name, std::string("\0\xff", 2) + std::string(30, 'k'), "server1", created, 0};
  }
  static AttachmentRow attachment(const std::string& connector, const std::string& instance = "run",
                                  std::int64_t since = kConformanceTime) {
    return {{}, connector, instance, "1.0", "192.0.2.1", since, 2, 7};
  }
  template <class T>
  T result_of(boost::asio::awaitable<T> call) {
    boost::asio::io_context loop(1);
    auto done = boost::asio::co_spawn(loop, std::move(call), boost::asio::use_future);
    loop.run();
    return done.get();
  }
  bool publish(const std::string& edge, TunnelChanges changes, std::int64_t now = kConformanceTime) {
    return result_of(store_->tunnels().async_publish(edge, std::move(changes), now)).value();
  }
  bool attach(const std::string& edge, std::vector<AttachmentRow> rows, std::int64_t now = kConformanceTime) {
    TunnelChanges changes;
    changes.attached = std::move(rows);
    return publish(edge, std::move(changes), now);
  }
  std::string listed() {
    std::string out;
    const auto all = connectors().list();
    for (const ConnectorRow& one : all.value()) out += one.id + " ";
    return out;
  }
  std::string attached(std::int64_t now = kConformanceTime, std::string_view except = {}) {
    std::string out;
    const auto all = connectors().list_attached(now, except);
    for (const AttachmentRow& one : all.value())
      out += one.edge + ":" + one.connector + "/" + one.instance + " ";
    return out;
  }
};

TEST_P(ConnectorStoreConformance, ConnectorsSurviveReopeningAndAreFoundById) {
  ASSERT_TRUE(connectors().insert(row("id")).value());
  reopen();
  const auto found = connectors().find("id").value();
  ASSERT_TRUE(found);
  EXPECT_EQ(found->name, "office");
  EXPECT_EQ(found->public_key, row("").public_key);
  EXPECT_EQ(found->host, "server1");
  EXPECT_EQ(found->created, 100);
  EXPECT_EQ(found->last_attached, 0);
  EXPECT_FALSE(connectors().find("office").value());
}

TEST_P(ConnectorStoreConformance, SeveralMayShareANameAndNoneAnId) {
  EXPECT_TRUE(connectors().insert(row("b", "office", 200)).value());
  EXPECT_TRUE(connectors().insert(row("c", "office", 100)).value());
  EXPECT_TRUE(connectors().insert(row("a", "zoo", 1)).value());
  EXPECT_FALSE(connectors().insert(row("a", "other")).value());
  EXPECT_EQ(listed(), "c b a ") << "by name, then by time";
}

TEST_P(ConnectorStoreConformance, EraseGoesByIdHoldsForAllHandlesAndIsCounted) {
  const auto other = under_test_->open();
  ASSERT_TRUE(connectors().insert(row("a")).value());
  const auto before = store_->revocations().version().value();
  EXPECT_FALSE(connectors().erase("office").value());
  EXPECT_EQ(store_->revocations().version().value(), before);
  EXPECT_TRUE(other->connectors().erase("a").value());
  EXPECT_FALSE(other->connectors().erase("a").value());
  EXPECT_FALSE(connectors().find("a").value());
  EXPECT_GT(store_->revocations().version().value(), before);
}

TEST_P(ConnectorStoreConformance, EraseOfANameTakesAllOfItAndNoOthers) {
  for (const auto& [id, name] : {std::pair("a", "office"), {"b", "office"}, {"c", "Office"}})
    ASSERT_TRUE(connectors().insert(row(id, name)).value());
  const auto before = store_->revocations().version().value();
  EXPECT_EQ(connectors().erase_named("office").value().size(), 2u);
  EXPECT_TRUE(connectors().erase_named("office").value().empty());
  EXPECT_EQ(listed(), "c ");
  EXPECT_GT(store_->revocations().version().value(), before);
}

TEST_P(ConnectorStoreConformance, TouchIsExactToAMinute) {
  ASSERT_TRUE(connectors().insert(row("a")).value());
  ASSERT_TRUE(connectors().touch("a", 1000));
  ASSERT_TRUE(connectors().touch("a", 1000 + kLastAttachedSeconds));
  EXPECT_EQ(connectors().find("a").value()->last_attached, 1000) << "not every one is written";
  ASSERT_TRUE(connectors().touch("a", 1001 + kLastAttachedSeconds));
  EXPECT_EQ(connectors().find("a").value()->last_attached, 1001 + kLastAttachedSeconds);
  EXPECT_TRUE(connectors().touch("unknown", 5000));
}

TEST_P(ConnectorStoreConformance, EveryHandleSeesWhatIsAttached) {
  const auto other = under_test_->open();
  EXPECT_FALSE(attach("e1", {attachment("a", "run", kConformanceTime - 1), attachment("b")}));
  EXPECT_FALSE(attach("e2", {attachment("a", "other", kConformanceTime - 2)}));
  EXPECT_EQ(attached(), "e2:a/other e1:a/run e1:b/run ");
  EXPECT_EQ(attached(kConformanceTime, "e1"), "e2:a/other ");
  const AttachmentRow seen = other->connectors().list_attached(kConformanceTime, "e2").value().front();
  AttachmentRow expected = attachment("a", "run", kConformanceTime - 1);
  expected.edge = "e1";
  EXPECT_EQ(seen, expected);
}

TEST_P(ConnectorStoreConformance, WhatHasChangedReplacesAndWhatIsDetachedGoes) {
  attach("e1", {attachment("a"), attachment("b"), attachment("b", "run2")});
  TunnelChanges changes;
  AttachmentRow busier = attachment("a");
  busier.tunnels = 99;
  changes.attached = {busier};
  changes.detached = {{"b", "run"}, {"c", "run"}};
  EXPECT_TRUE(publish("e1", changes));
  EXPECT_EQ(attached(), "e1:a/run e1:b/run2 ");
  EXPECT_EQ(connectors().list_attached(kConformanceTime).value().front().tunnels, 99);
}

TEST_P(ConnectorStoreConformance, AttachmentsGoWithTheirProcess) {
  attach("silent", {attachment("a")});
  attach("ended", {attachment("b")});
  attach("lives", {attachment("c")}, kConformanceTime + 100);
  EXPECT_TRUE(result_of(store_->tunnels().async_erase_edge("ended")));
  EXPECT_EQ(attached(kConformanceTime + kEdgeSilenceSeconds), "silent:a/run lives:c/run ");
  EXPECT_EQ(attached(kConformanceTime + kEdgeSilenceSeconds + 1), "lives:c/run ");
  EXPECT_EQ(store_->tunnels().prune(kConformanceTime + kEdgeSilenceSeconds + 1, 10).value(), 1);
  EXPECT_FALSE(publish("silent", {}, kConformanceTime + 100));
  EXPECT_EQ(attached(kConformanceTime + 100), "lives:c/run ");
}

TEST_P(ConnectorStoreConformance, TextsOfPeersAreStoredAsTheAuditsAre) {
  AttachmentRow odd = attachment("a");
  odd.version = "1\x1b[31m";
  attach("e1", {odd});
  EXPECT_EQ(connectors().list_attached(kConformanceTime).value().front().version, "1?[31m");
}

INSTANTIATE_TEST_SUITE_P(Stores, ConnectorStoreConformance, ::testing::ValuesIn(store_kinds()), kind_name);

}  // namespace
}  // namespace cfpipe::edge
