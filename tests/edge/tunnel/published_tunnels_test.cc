// This process's open tunnels, as it writes them for others.
#include "edge/tunnel/published_tunnels.h"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <string>
#include <vector>

namespace cfpipe::edge {
namespace {

/// Keeps what it is told, and answers as it is told to.
class RecordingStore final : public TunnelStore {
 public:
  explicit RecordingStore(boost::asio::io_context& io) : held_(io) {
    held_.expires_at(std::chrono::steady_clock::time_point::max());
  }

  boost::asio::awaitable<Result<bool>> async_publish(std::string edge, TunnelChanges changes,
                                                     std::int64_t) override {
    edges.push_back(edge);
    writes.push_back(std::move(changes));
    Result<bool> said = answer;
    if (holding) {
      boost::system::error_code ignored;
      co_await held_.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, ignored));
    }
    co_return said;
  }
  boost::asio::awaitable<Result<void>> async_erase_edge(std::string edge) override {
    erased.push_back(edge);
    co_return Result<void>();
  }
  Result<std::int64_t> prune(std::int64_t, std::int64_t) override { return 0; }
  Result<std::vector<OpenTunnelRow>> list(std::int64_t, std::string_view) override {
    return std::vector<OpenTunnelRow>();
  }
  Result<bool> ask_to_end(std::string_view, std::int64_t, EndedBy) override { return false; }
  Result<std::vector<Asked>> list_asked_to_end(std::string_view) override { return std::vector<Asked>(); }

  void let_go() {
    holding = false;
    held_.cancel();
  }

  Result<bool> answer = true;
  bool holding = false;
  std::vector<std::string> edges;
  std::vector<TunnelChanges> writes;
  std::vector<std::string> erased;

 private:
  boost::asio::steady_timer held_;
};

class PublishedTunnelsTest : public ::testing::Test {
 protected:
  void open(std::int64_t id) {
    TunnelRegistry::Tunnel tunnel;
    tunnel.row.identity = "ann@example.com";
    tunnel.row.application = "vm.localhost";
    tunnel.row.time = 1000;
    tunnel.session = "0123456789abcdef";
    tunnel.handle = std::make_shared<TunnelHandle>(io_.get_executor());
    registry_.add(id, std::move(tunnel));
  }
  std::shared_ptr<tunnel::Counters> counted(std::int64_t id) {
    auto counters = std::make_shared<tunnel::Counters>();
    registry_.for_each([&](std::int64_t one, const TunnelRegistry::Tunnel& tunnel) {
      if (one == id) tunnel.handle->count(counters);
    });
    return counters;
  }
  void follow(std::int64_t now = 1000) {
    published_->follow(now);
    poll();
  }
  void poll() {
    io_.restart();
    io_.poll();
  }
  /// What the last write had.
  std::string opened() {
    std::string out;
    for (const OpenTunnelRow& row : store_.writes.back().opened) out += std::to_string(row.id) + " ";
    return out;
  }
  std::string moved() {
    std::string out;
    for (const auto& one : store_.writes.back().moved) out += std::to_string(one.id) + " ";
    return out;
  }
  std::string closed() {
    std::string out;
    for (const std::int64_t id : store_.writes.back().closed) out += std::to_string(id) + " ";
    return out;
  }

  boost::asio::io_context io_{1};
  TunnelRegistry registry_;
  RecordingStore store_{io_};
  std::unique_ptr<PublishedTunnels> published_ =
      std::make_unique<PublishedTunnels>(io_.get_executor(), registry_, store_);
};

TEST_F(PublishedTunnelsTest, NothingIsWrittenWhileNothingIsOpen) {
  for (std::int64_t now = 1000; now < 1100; ++now) follow(now);
  EXPECT_TRUE(store_.writes.empty());
  published_->withdraw();
  poll();
  EXPECT_TRUE(store_.erased.empty());
}

TEST_F(PublishedTunnelsTest, EachWriteHasWhatHasChangedSinceTheLast) {
  open(1);
  open(5);
  open(-2);
  follow();
  EXPECT_EQ(opened(), "-2 1 5 ");
  EXPECT_EQ(store_.writes[0].opened[1].session, "0123456789abcdef");
  const auto bytes = counted(5);
  bytes->add(0, 100);
  (void)registry_.remove(1);
  open(7);
  follow(1001);
  EXPECT_EQ(opened(), "7 ");
  EXPECT_EQ(closed(), "1 ");
  EXPECT_EQ(moved(), "5 ");
  EXPECT_EQ(store_.writes.back().moved[0].up_bytes, 100u);
  follow(1002);
  EXPECT_EQ(store_.writes.size(), 2u) << "nothing has changed";
  bytes->add(1, 1);
  follow(1003);
  EXPECT_EQ(moved(), "5 ");
  registry_.find(7)->handle->set_detached(1003);
  follow(1004);
  EXPECT_EQ(moved(), "7 ");
  EXPECT_EQ(store_.writes.back().moved[0].detached, 1003);
  EXPECT_EQ(store_.edges.front(), store_.edges.back());
  EXPECT_GE(published_->edge().size(), 12u);
}

TEST_F(PublishedTunnelsTest, AnIdleProcessSaysThatItLives) {
  open(1);
  follow(1000);
  follow(1000 + kSignOfLifeSeconds - 1);
  EXPECT_EQ(store_.writes.size(), 1u);
  follow(1000 + kSignOfLifeSeconds);
  EXPECT_EQ(store_.writes.size(), 2u);
  EXPECT_EQ(store_.writes.back().size(), 0u);
  follow(500);
  EXPECT_EQ(store_.writes.size(), 3u) << "the clock was set back";
}

TEST_F(PublishedTunnelsTest, OneWriteIsUnderWayAtATime) {
  store_.holding = true;
  open(1);
  follow();
  open(2);
  follow(1001);
  EXPECT_EQ(store_.writes.size(), 1u);
  store_.let_go();
  poll();
  follow(1002);
  EXPECT_EQ(opened(), "2 ");
}

TEST_F(PublishedTunnelsTest, WhatCouldNotBeWrittenFollows) {
  store_.answer = Failure(Stage::state, Cause::state_write_failed, "disk full");
  open(1);
  follow();
  store_.answer = true;
  open(2);
  follow(1001);
  EXPECT_EQ(opened(), "1 2 ");
  (void)registry_.remove(1);
  store_.answer = Failure(Stage::state, Cause::state_write_failed, "disk full");
  follow(1002);
  store_.answer = true;
  follow(1003);
  EXPECT_EQ(closed(), "1 ");
}

TEST_F(PublishedTunnelsTest, AllFollowAnewWhereTheStoreHasForgottenTheProcess) {
  store_.answer = false;
  open(1);
  follow();
  store_.answer = true;
  open(2);
  follow(1001);
  EXPECT_EQ(opened(), "2 ");
  open(3);
  store_.answer = false;
  follow(1002);
  store_.answer = true;
  follow(1003);
  EXPECT_EQ(opened(), "1 2 ");
  follow(1004);
  EXPECT_EQ(store_.writes.size(), 4u);
}

TEST_F(PublishedTunnelsTest, OneWriteIsBoundedAndNoTunnelIsLeftBehind) {
  const auto most = static_cast<std::int64_t>(kMaxPublishedChanges);
  for (std::int64_t id = 1; id <= most + 10; ++id) open(id);
  follow(1000);
  EXPECT_EQ(store_.writes.back().size(), kMaxPublishedChanges);
  follow(1001);
  EXPECT_EQ(store_.writes.back().opened.size(), 10u);
  std::vector<std::shared_ptr<tunnel::Counters>> bytes;
  for (std::int64_t id = 1; id <= most + 10; ++id) bytes.push_back(counted(id));
  const auto all_move = [&bytes] {
    for (const auto& one : bytes) one->add(0, 1);
  };
  all_move();
  follow(1002);
  EXPECT_EQ(store_.writes.back().moved.size(), kMaxPublishedChanges);
  all_move();
  follow(1003);
  EXPECT_EQ(store_.writes.back().moved.size(), kMaxPublishedChanges);
  EXPECT_EQ(store_.writes.back().moved.front().id, most + 1) << "those that had to wait come first";
  for (std::int64_t id = 1; id <= most + 10; ++id) (void)registry_.remove(id);
  follow(1004);
  follow(1005);
  EXPECT_EQ(store_.writes.back().closed.size(), 10u);
}

TEST_F(PublishedTunnelsTest, AProcessThatEndsIsForgottenAndWritesNothingMore) {
  open(1);
  follow();
  published_->withdraw();
  published_->withdraw();
  poll();
  EXPECT_EQ(store_.erased, std::vector{published_->edge()});
  open(2);
  follow(1001);
  EXPECT_EQ(store_.writes.size(), 1u);
}

TEST_F(PublishedTunnelsTest, AttachedConnectorsGoAlongAndKeepTheProcessAlive) {
  const AttachmentRow row{{}, "connector", "run", "1.0", "192.0.2.1", 1000, 1, 0};
  const auto follow_with = [&](std::int64_t now, std::vector<AttachmentRow> attached) {
    published_->follow(now, std::move(attached));
    poll();
  };
  follow_with(1000, {row});
  ASSERT_EQ(store_.writes.size(), 1u);
  EXPECT_EQ(store_.writes.back().attached, std::vector{row});
  follow_with(1001, {row});
  EXPECT_EQ(store_.writes.size(), 1u) << "nothing has changed";
  follow_with(1000 + kSignOfLifeSeconds, {row});
  EXPECT_EQ(store_.writes.size(), 2u) << "says that it lives";
  follow_with(1000 + kSignOfLifeSeconds + 1, {});
  EXPECT_EQ(store_.writes.back().detached.size(), 1u);
}

TEST_F(PublishedTunnelsTest, MayGoWhileItsWriteIsUnderWay) {
  store_.holding = true;
  open(1);
  follow();
  published_.reset();
  store_.let_go();
  poll();
  EXPECT_EQ(store_.writes.size(), 1u);
}

}  // namespace
}  // namespace cfpipe::edge
