// Open tunnels in any store.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <string>
#include <utility>
#include <vector>

#include "edge/store/conformance.h"

namespace cfpipe::edge {
namespace {

OpenTunnelRow tunnel_row(std::int64_t id, std::int64_t since = kConformanceTime,
                         const std::string& identity = "ann@example.com") {
  OpenTunnelRow out;
  out.id = id;
  out.identity = identity;
  out.application = "vm.localhost";
  out.peer = "192.0.2.1";
  out.session = "0123456789abcdef";
  out.to = "to 10.0.0.5:22";
  out.since = since;
  out.terminal = true;
  out.up_bytes = 1;
  out.down_bytes = 2;
  out.detached = kConformanceTime - 3;
  return out;
}

class TunnelStoreConformance : public StoreConformance {
 protected:
  TunnelStore& tunnels() { return store_->tunnels(); }

  template <class T>
  T result_of(boost::asio::awaitable<T> call) {
    boost::asio::io_context loop(1);
    auto done = boost::asio::co_spawn(loop, std::move(call), boost::asio::use_future);
    loop.run();
    return done.get();
  }
  bool publish(const std::string& edge, TunnelChanges changes, std::int64_t now = kConformanceTime) {
    return result_of(tunnels().async_publish(edge, std::move(changes), now)).value();
  }
  bool open(const std::string& edge, std::vector<OpenTunnelRow> rows, std::int64_t now = kConformanceTime) {
    TunnelChanges changes;
    changes.opened = std::move(rows);
    return publish(edge, std::move(changes), now);
  }
  std::string listed(std::int64_t now = kConformanceTime, std::string_view except = {}) {
    std::string out;
    const auto all = tunnels().list(now, except);
    for (const OpenTunnelRow& one : all.value()) out += one.edge + std::to_string(one.id) + " ";
    return out;
  }
  std::string asked(std::string_view edge) {
    std::string out;
    const auto all = tunnels().list_asked_to_end(edge);
    for (const TunnelStore::Asked& one : all.value())
      out += std::to_string(one.id) + (one.who == EndedBy::owner ? "o " : "a ");
    return out;
  }
};

TEST_P(TunnelStoreConformance, EveryHandleSeesWhatIsOpenOldestFirst) {
  const auto other = under_test_->open();
  EXPECT_FALSE(open("a", {tunnel_row(7, kConformanceTime - 1), tunnel_row(3)})) << "was not known before";
  EXPECT_TRUE(open("a", {tunnel_row(9)}));
  EXPECT_FALSE(open("b", {tunnel_row(5, kConformanceTime - 2), tunnel_row(-3)}));
  EXPECT_EQ(listed(), "b5 a7 b-3 a3 a9 ");
  EXPECT_EQ(listed(kConformanceTime, "a"), "b5 b-3 ");
  const OpenTunnelRow seen = other->tunnels().list(kConformanceTime, "b").value().front();
  EXPECT_EQ(seen.edge, "a");
  EXPECT_EQ(seen.id, 7);
  EXPECT_EQ(seen.identity, "ann@example.com");
  EXPECT_EQ(seen.application, "vm.localhost");
  EXPECT_EQ(seen.peer, "192.0.2.1");
  EXPECT_EQ(seen.session, "0123456789abcdef");
  EXPECT_EQ(seen.to, "to 10.0.0.5:22");
  EXPECT_EQ(seen.since, kConformanceTime - 1);
  EXPECT_TRUE(seen.terminal);
  EXPECT_EQ(seen.up_bytes, 1u);
  EXPECT_EQ(seen.down_bytes, 2u);
  EXPECT_EQ(seen.detached, kConformanceTime - 3);
}

TEST_P(TunnelStoreConformance, WhatHasMovedAndClosedIsChangedAlone) {
  open("a", {tunnel_row(1), tunnel_row(2), tunnel_row(3)});
  open("b", {tunnel_row(1)});
  TunnelChanges changes;
  changes.moved = {{2, 10'000'000'000, 20, kConformanceTime}, {99, 1, 1}};
  changes.closed = {1, 98};
  EXPECT_TRUE(publish("a", changes));
  EXPECT_EQ(listed(), "b1 a2 a3 ");
  const auto all = tunnels().list(kConformanceTime, "b").value();
  EXPECT_EQ(all[0].up_bytes, 10'000'000'000u);
  EXPECT_EQ(all[0].down_bytes, 20u);
  EXPECT_EQ(all[0].detached, kConformanceTime);
  EXPECT_EQ(all[1].up_bytes, 1u);
}

TEST_P(TunnelStoreConformance, ASilentProcessIsNotListedAndThenForgotten) {
  open("a", {tunnel_row(1)});
  open("b", {tunnel_row(2)}, kConformanceTime + 10);
  EXPECT_EQ(listed(kConformanceTime + kEdgeSilenceSeconds), "a1 b2 ");
  EXPECT_EQ(listed(kConformanceTime + kEdgeSilenceSeconds + 1), "b2 ");
  EXPECT_EQ(tunnels().prune(kConformanceTime + kEdgeSilenceSeconds, 10).value(), 0);
  EXPECT_EQ(tunnels().prune(kConformanceTime + kEdgeSilenceSeconds + 1, 10).value(), 1);
  EXPECT_EQ(listed(), "b2 ");
  EXPECT_FALSE(publish("a", {}, kConformanceTime + 60)) << "is told that the store has forgotten it";
  EXPECT_EQ(listed(kConformanceTime + 60 - 1), "") << "and with it its tunnels";
  EXPECT_TRUE(publish("a", {}, kConformanceTime + 61));
}

TEST_P(TunnelStoreConformance, PruningTakesNoMoreThanItIsTold) {
  for (const char* edge : {"a", "b", "c"}) open(edge, {tunnel_row(1)});
  EXPECT_EQ(tunnels().prune(kConformanceTime + 1000, 2).value(), 2);
  EXPECT_EQ(tunnels().prune(kConformanceTime + 1000, 2).value(), 1);
}

TEST_P(TunnelStoreConformance, AProcessThatEndsTakesItsTunnelsAlong) {
  open("a", {tunnel_row(1)});
  open("b", {tunnel_row(1)});
  EXPECT_TRUE(result_of(tunnels().async_erase_edge("a")));
  EXPECT_EQ(listed(), "b1 ");
  EXPECT_TRUE(result_of(tunnels().async_erase_edge("a"))) << "again is no fault";
}

TEST_P(TunnelStoreConformance, TheProcessThatCarriesATunnelIsAskedToEndIt) {
  const auto other = under_test_->open();
  open("a", {tunnel_row(1), tunnel_row(2), tunnel_row(3)});
  open("b", {tunnel_row(1)});
  const auto before = store_->revocations().version().value();
  EXPECT_TRUE(other->tunnels().ask_to_end("a", 1, EndedBy::administrator).value());
  EXPECT_TRUE(other->tunnels().ask_to_end("a", 3, EndedBy::owner).value());
  EXPECT_FALSE(other->tunnels().ask_to_end("a", 4, EndedBy::owner).value());
  EXPECT_FALSE(other->tunnels().ask_to_end("c", 1, EndedBy::owner).value());
  EXPECT_GT(store_->revocations().version().value(), before);
  EXPECT_EQ(asked("a"), "1a 3o ");
  EXPECT_EQ(asked("b"), "");
  TunnelChanges changes;
  changes.moved = {{1, 5, 5}};
  changes.closed = {3};
  const auto version = store_->revocations().version().value();
  publish("a", changes);
  EXPECT_EQ(asked("a"), "1a ") << "which bytes do not make forgotten";
  EXPECT_EQ(store_->revocations().version().value(), version) << "publishing revokes nothing";
}

TEST_P(TunnelStoreConformance, TextsArePrintable) {
  OpenTunnelRow hostile = tunnel_row(1);
  hostile.to = std::string("to \x1b[31m\n\xff") + std::string(100'000, 'x');
  open("a", {hostile});
  const std::string to = tunnels().list(kConformanceTime).value().front().to;
  EXPECT_EQ(to.find('\n'), std::string::npos);
  EXPECT_EQ(to.find('\x1b'), std::string::npos);
  EXPECT_LT(to.size(), 100'000u);
}

INSTANTIATE_TEST_SUITE_P(Stores, TunnelStoreConformance, ::testing::ValuesIn(store_kinds()), kind_name);

}  // namespace
}  // namespace cfpipe::edge
