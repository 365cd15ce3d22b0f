#include <gtest/gtest.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <optional>
#include <string>

#include "support/memory_stream.h"
#include "tunnel/resume/frames.h"
#include "tunnel/resume/resumable_stream.h"

namespace cfpipe::tunnel {
namespace {
using namespace std::chrono_literals;
using Time = std::chrono::steady_clock::time_point;

class StalledTunnelTest : public ::testing::Test {
 protected:
  void attach(const ResumeTimes& times) {
    stream_.emplace(loop_.get_executor(), true, times);
    auto carrier = std::make_unique<testing::MemoryStream>(loop_.get_executor());
    peer_ = carrier.get();
    peer_->on_check = [this](std::chrono::milliseconds limit) {
      asked_at_ = std::chrono::steady_clock::now();
      answer_within_ = limit;
      loop_.stop();
    };
    ASSERT_TRUE(stream_->attach(std::move(carrier), 0));
    stream_->on_readable([this] { EXPECT_EQ(stream_->fill(), IoStatus::would_block); });
  }
  void type(const std::string& text) {
    std::string room(kHeadroom, '\0');
    room += text;
    std::array<Slice, 1> typed = {Slice(reinterpret_cast<std::byte*>(room.data()) + kHeadroom, text.size())};
    EXPECT_EQ(stream_->take(typed).status, IoStatus::ok);
    EXPECT_EQ(stream_->flush(), IoStatus::ok);
  }
  void run_for(std::chrono::milliseconds time) {
    loop_.restart();
    loop_.run_for(time);
  }

  boost::asio::io_context loop_;
  std::optional<ResumableStream> stream_;
  testing::MemoryStream* peer_ = nullptr;
  std::optional<Time> asked_at_;
  std::chrono::milliseconds answer_within_{};
};

// Bytes that were acknowledged meanwhile had begun to wait before.
TEST_F(StalledTunnelTest, AsksForASignOfLifeOnceBytesHaveWaitedForSoLong) {
  constexpr ResumeTimes kTimes{5ms, 1'000ms, 70ms};
  attach(kTimes);
  type("first");
  run_for(kTimes.stalled / 10);
  peer_->say(ack_frame(5));
  run_for(20ms);
  const auto before = std::chrono::steady_clock::now();
  type("second");
  run_for(20s);
  ASSERT_TRUE(asked_at_);
  EXPECT_GE(*asked_at_, before + kTimes.stalled);
  EXPECT_LT(*asked_at_, before + kTimes.stalled * 9 / 5);
  EXPECT_EQ(answer_within_, kTimes.answer);
}

TEST_F(StalledTunnelTest, AsksNothingWhereNothingWaits) {
  attach({5ms, 20ms, 20ms});
  type("typed");
  peer_->say(ack_frame(5));
  run_for(100ms);
  EXPECT_FALSE(asked_at_);
}

}  // namespace
}  // namespace cfpipe::tunnel
