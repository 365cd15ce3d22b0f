// A tunnel's relay alone: two streams in memory, and a site that records.
#include "edge/tunnel/relay.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "edge/tunnel/recorder.h"
#include "support/memory_stream.h"

namespace cfpipe::edge {
namespace {

namespace net = boost::asio;
using namespace std::chrono_literals;
using testing::MemoryStream;
using tunnel::End;

/// Far above what any of these needs; only a relay that hangs meets it.
constexpr auto kHung = 20s;
constexpr tunnel::RelayTimes kShort{20ms, 20ms};

/// Remembers the end of one tunnel.
class OneEnd final : public TunnelRecorder {
 public:
  struct End {
    std::int64_t id;
    std::uint64_t up, down;
    std::string reason;
  };
  std::int64_t opened(const TunnelGrant&, const Request&, std::shared_ptr<TunnelHandle>) override {
    return 0;
  }
  void resumed(std::int64_t, const Request&) override {}
  void closed(std::int64_t id, std::uint64_t up, std::uint64_t down, std::string_view reason) override {
    EXPECT_FALSE(end) << "told twice";
    end = End{id, up, down, std::string(reason)};
  }
  std::optional<End> end;
};

class TunnelRelayTest : public ::testing::Test {
 protected:
  TunnelRelayTest() : loop_(std::in_place) {
    auto client = std::make_unique<MemoryStream>(loop_->get_executor());
    auto target = std::make_unique<MemoryStream>(loop_->get_executor());
    client_ = client.get();
    target_ = target.get();
    relay_ =
        std::make_unique<TunnelRelay>(loop_->get_executor(), std::move(client), std::move(target), kShort);
    handle_ = std::make_shared<TunnelHandle>(loop_->get_executor());
  }

  std::unique_ptr<TunnelRecord> record() {
    return std::make_unique<TunnelRecord>(site_loop_.get_executor(), site_, 7, handle_);
  }
  void start(const SessionLimits& limits = {}) {
    relay_->start(record(), limits);
    wait();
  }
  /// As a connection does: notes that its relay is over.
  void wait() {
    const auto told = [](TunnelRelay& relay, bool& over) -> net::awaitable<void> {
      co_await relay.until_over();
      over = true;
    };
    net::co_spawn(*loop_, told(*relay_, over_), net::detached);
  }
  /// Lets happen what can happen now.
  void settle() {
    loop_->restart();
    loop_->poll();
    site_loop_.restart();
    site_loop_.poll();
  }
  /// Runs to the end of the tunnel.
  void finish() {
    const auto deadline = std::chrono::steady_clock::now() + kHung;
    loop_->restart();
    while (!over_ && std::chrono::steady_clock::now() < deadline) loop_->run_one_for(kHung);
    ASSERT_TRUE(over_);
    EXPECT_TRUE(client_->closed() && target_->closed());
    EXPECT_EQ(client_->misuse(), "");
    EXPECT_EQ(target_->misuse(), "");
    settle();
  }
  /// Why the site says that the tunnel has ended; empty: it has not.
  std::string reason() const { return site_.end ? site_.end->reason : ""; }

  OneEnd site_;
  net::io_context site_loop_;
  std::optional<net::io_context> loop_;
  MemoryStream* client_ = nullptr;
  MemoryStream* target_ = nullptr;
  std::shared_ptr<TunnelHandle> handle_;
  std::unique_ptr<TunnelRelay> relay_;
  bool over_ = false;
};

TEST_F(TunnelRelayTest, CarriesBothWaysAndTellsTheSiteWhatHasMoved) {
  start();
  client_->say("up");
  target_->say("down there");
  settle();
  EXPECT_EQ(target_->heard(), "up");
  EXPECT_EQ(client_->heard(), "down there");
  EXPECT_EQ(handle_->moved().up, 2u);
  EXPECT_EQ(handle_->moved().down, 10u);
  EXPECT_FALSE(over_);
  EXPECT_EQ(reason(), "");
  target_->end_saying();
  client_->end_saying();
  finish();
  ASSERT_TRUE(site_.end);
  EXPECT_EQ(site_.end->id, 7);
  EXPECT_EQ(site_.end->up, 2u);
  EXPECT_EQ(site_.end->down, 10u);
  EXPECT_EQ(reason(), "the origin ended it");
}

TEST_F(TunnelRelayTest, HalfCloseOfTheClientKeepsTheDownload) {
  start();
  client_->say("a question");
  client_->end_saying();
  settle();
  EXPECT_TRUE(target_->finished());
  EXPECT_FALSE(client_->finished());
  target_->say("the answer");
  settle();
  EXPECT_EQ(client_->heard(), "the answer");
  EXPECT_FALSE(over_);
  target_->end_saying();
  finish();
  EXPECT_EQ(reason(), "the origin ended it");
}

TEST_F(TunnelRelayTest, ALostClientIsNoCleanEndForTheTarget) {
  client_->detail = "";
  start();
  client_->say("half a");
  client_->end_saying(End::cut);
  finish();
  EXPECT_EQ(target_->heard(), "half a");
  EXPECT_TRUE(target_->told_of_break());
  EXPECT_EQ(reason(), "the client's connection was lost");
  EXPECT_EQ(site_.end->up, 6u);
}

TEST_F(TunnelRelayTest, ALostTargetIsNoCleanEndForTheClient) {
  target_->detail = "";
  start();
  target_->end_saying(End::cut);
  client_->end_saying();
  finish();
  EXPECT_TRUE(client_->told_of_break());
  EXPECT_EQ(reason(), "the origin's connection was lost");
}

TEST_F(TunnelRelayTest, TheSessionLimitEndsATunnelThatMoves) {
  const auto began = std::chrono::steady_clock::now();
  start({60ms, 0ms});
  client_->say("up");
  settle();
  finish();
  EXPECT_GE(std::chrono::steady_clock::now() - began, 60ms);
  EXPECT_EQ(client_->dismissed(), "the application's session_limit has been reached");
  EXPECT_EQ(reason(), "the application's session_limit has been reached");
  EXPECT_EQ(site_.end->up, 2u);
}

TEST_F(TunnelRelayTest, TheIdleLimitEndsATunnelOnceNothingMoves) {
  start({0ms, 200ms});
  std::uint64_t said = 0;
  const auto began = std::chrono::steady_clock::now();
  while (std::chrono::steady_clock::now() - began < 500ms) {
    client_->say("x");
    ++said;
    settle();
  }
  EXPECT_FALSE(over_);
  EXPECT_EQ(reason(), "");
  finish();
  EXPECT_EQ(client_->dismissed(), "idle for 0s");
  EXPECT_EQ(reason(), "idle for 0s");
  EXPECT_EQ(site_.end->up, said);
}

TEST_F(TunnelRelayTest, WithoutLimitsNoTimerRuns) {
  start();
  settle();
  EXPECT_EQ(loop_->run_for(250ms), 0u) << "two looks of an idle limit would have been due";
  EXPECT_FALSE(over_);
}

TEST_F(TunnelRelayTest, DismissalByTheSiteIsToldToTheClientAndRecorded) {
  start();
  client_->say("up");
  settle();
  handle_->dismiss("access was revoked");
  handle_->dismiss("and something else");
  finish();
  EXPECT_EQ(client_->dismissed(), "access was revoked");
  EXPECT_EQ(reason(), "access was revoked");
  EXPECT_EQ(site_.end->up, 2u);
}

TEST_F(TunnelRelayTest, DismissalBeforeTheStartEndsItWithoutAByte) {
  client_->say("sent with the handshake");
  target_->say("SSH-2.0-banner\r\n");
  handle_->dismiss("access was revoked");
  settle();
  start();
  finish();
  EXPECT_EQ(client_->dismissed(), "access was revoked");
  EXPECT_EQ(reason(), "access was revoked");
  EXPECT_EQ(client_->heard(), "");
  EXPECT_EQ(target_->heard(), "");
  EXPECT_EQ(site_.end->up, 0u);
  EXPECT_EQ(site_.end->down, 0u);
}

TEST_F(TunnelRelayTest, AnEdgeThatEndsIsTheReasonOfTheEnd) {
  start();
  settle();
  relay_->stop();
  relay_->stop();
  finish();
  EXPECT_TRUE(client_->finished() && target_->finished());
  EXPECT_EQ(reason(), "the edge was stopped");
  relay_->stop();
}

TEST_F(TunnelRelayTest, AnEdgeThatEndsBeforeTheStartIsTheReasonToo) {
  relay_->stop();
  start();
  finish();
  EXPECT_TRUE(client_->finished());
  EXPECT_EQ(reason(), "the edge was stopped");
  EXPECT_EQ(site_.end->up, 0u);
}

TEST_F(TunnelRelayTest, ATargetThatKeepsItsSessionsIsNotStoppedNorLimited) {
  relay_->start(nullptr, {1ms, 1ms});
  wait();
  relay_->stop();
  client_->say("up");
  EXPECT_GT(loop_->run_for(250ms), 0u);
  EXPECT_FALSE(over_);
  EXPECT_EQ(target_->heard(), "up");
  target_->say("the edge is being stopped");
  target_->end_saying();
  client_->end_saying();
  finish();
  EXPECT_EQ(client_->heard(), "the edge is being stopped");
  EXPECT_FALSE(site_.end) << "the target records it";
}

TEST_F(TunnelRelayTest, DestroyingItEndsTheTunnelAndTellsTheSite) {
  start({1h, 1h});
  client_->say("up");
  target_->say("down");
  settle();
  relay_.reset();
  settle();
  EXPECT_TRUE(over_) << "the wait has ended";
  ASSERT_TRUE(site_.end);
  EXPECT_EQ(site_.end->up, 2u);
  EXPECT_EQ(site_.end->down, 4u);
  EXPECT_EQ(reason(), "an internal error");
  handle_->dismiss("too late");
  settle();
}

TEST_F(TunnelRelayTest, DestroyingTheWorkerEndsTheTunnelAndTellsTheSite) {
  const auto connection = [](std::unique_ptr<TunnelRelay> relay,
                             std::unique_ptr<TunnelRecord> record) -> net::awaitable<void> {
    relay->start(std::move(record), {1h, 1h});
    co_await relay->until_over();
    ADD_FAILURE() << "the loop ends before the tunnel";
  };
  client_->say("up");
  net::co_spawn(*loop_, connection(std::move(relay_), record()), net::detached);
  settle();
  EXPECT_EQ(target_->heard(), "up");
  loop_.reset();
  site_loop_.restart();
  site_loop_.poll();
  ASSERT_TRUE(site_.end);
  EXPECT_EQ(site_.end->up, 2u);
  handle_->dismiss("once more, now that its loop is gone");
}

TEST_F(TunnelRelayTest, DestroyedBeforeItsStartItHasNothingToTell) {
  wait();
  settle();
  relay_.reset();
  settle();
  EXPECT_TRUE(over_);
  EXPECT_FALSE(site_.end);
}

}  // namespace
}  // namespace cfpipe::edge
