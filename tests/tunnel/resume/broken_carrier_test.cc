#include <gtest/gtest.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <memory>
#include <string>

#include "support/memory_stream.h"
#include "tunnel/resume/frames.h"
#include "tunnel/resume/resumable_stream.h"

namespace cfpipe::tunnel {
namespace {
using namespace std::chrono_literals;
using testing::MemoryStream;

const std::string kBye("\0\0\0\3bye", 7);
/// Far above what any of these needs.
constexpr auto kEnough = 20s;

/// Carriers that take nothing any more, with words of the other end that no one has read.
class BrokenCarrier : public ::testing::Test {
 protected:
  explicit BrokenCarrier(std::chrono::milliseconds rest = kEnough)
      : stream_(loop_.get_executor(), true, {.rest = rest}) {
    stream_.on_detached([this] { ++lost_; });
  }
  MemoryStream& attach(std::uint64_t next = 0) {
    auto carrier = std::make_unique<MemoryStream>(loop_.get_executor(), testing::Faults{.fill_bytes = 7});
    MemoryStream& peer = *carrier;
    EXPECT_TRUE(stream_.attach(std::move(carrier), next));
    return peer;
  }
  Stream::Took type(const std::string& text) {
    std::string room(kHeadroom, '\0');
    room += text;
    std::array<Slice, 1> typed = {Slice(reinterpret_cast<std::byte*>(room.data()) + kHeadroom, text.size())};
    return stream_.take(typed);
  }
  /// Reads what there is, and waits for more.
  void read_on() {
    for (;;) {
      const auto status = stream_.fill();
      if (status == IoStatus::would_block) return stream_.on_readable([this] { read_on(); });
      if (status != IoStatus::ok) return;
      while (!stream_.ready().empty()) {
        const Slice slice = stream_.ready().front();
        read_.append(reinterpret_cast<const char*>(slice.data()), slice.size());
        stream_.consume(slice.size());
      }
    }
  }
  /// Nothing is left to do but what timers may bring.
  void settle() {
    loop_.restart();
    loop_.poll();
  }

  boost::asio::io_context loop_;
  ResumableStream stream_;
  int lost_ = 0;
  std::string read_;
};

TEST_F(BrokenCarrier, IsReadToItsEndBeforeItGoes) {
  MemoryStream& peer = attach();
  read_on();
  for (int i = 0; i < 50; ++i) peer.say(kBye);
  peer.break_sink();
  (void)type("typed");
  settle();
  EXPECT_EQ(lost_, 1);
  EXPECT_EQ(read_.size(), 150u);
  EXPECT_EQ(stream_.detach(), 150u) << "nothing of it comes again";
}

// Its reader may be behind, too.
TEST_F(BrokenCarrier, StaysForAReaderThatIsSlow) {
  MemoryStream& peer = attach();
  peer.say(kBye + kBye);
  ASSERT_EQ(stream_.fill(), IoStatus::ok);
  peer.break_sink();
  (void)type("typed");
  settle();
  EXPECT_EQ(lost_, 0);
  stream_.consume(3);
  read_on();
  settle();
  EXPECT_EQ(lost_, 1);
  EXPECT_EQ(read_, "bye");
  EXPECT_EQ(stream_.detach(), 6u);
}

TEST_F(BrokenCarrier, GivesWhatCameInFrontOfTheLastWord) {
  MemoryStream& peer = attach();
  read_on();
  peer.say(kBye + fin_frame(3) + reset_frame({ResetCode::dismissed, "access was revoked"}));
  peer.break_sink();
  (void)type("typed");
  settle();
  EXPECT_EQ(read_, "bye");
  EXPECT_EQ(lost_, 0);
  EXPECT_EQ(stream_.flush(), IoStatus::failed);
}

TEST_F(BrokenCarrier, IsReadByTheStreamItselfWhereNoOneElseDoes) {
  MemoryStream& peer = attach();
  stream_.discard();
  peer.say(kBye);
  peer.break_sink();
  (void)type("typed");
  settle();
  EXPECT_EQ(lost_, 1);
  EXPECT_EQ(stream_.detach(), 3u);
}

// What is typed meanwhile waits for the next carrier.
TEST_F(BrokenCarrier, IsWrittenToNoMore) {
  MemoryStream& peer = attach();
  peer.say(kBye);
  ASSERT_EQ(stream_.fill(), IoStatus::ok);
  peer.break_sink();
  (void)type("typed, ");
  settle();
  EXPECT_EQ(type("and more").status, IoStatus::ok);
  EXPECT_EQ(stream_.flush(), IoStatus::ok);
  EXPECT_EQ(peer.misuse(), "");
  stream_.consume(3);
  read_on();
  settle();
  MemoryStream& next = attach();
  settle();
  EXPECT_NE(next.heard().find("typed, and more"), std::string::npos);
}

/// The same with no one who reads, or one who has read up to the payload and does not consume it.
class OvertakenWords : public BrokenCarrier, public ::testing::WithParamInterface<bool> {
 protected:
  OvertakenWords() : BrokenCarrier(10ms) {}
  void end_with(const std::string& words) {
    MemoryStream& peer = attach();
    peer.say(words);
    if (GetParam()) {
      ASSERT_EQ(stream_.fill(), IoStatus::ok);
    }
    peer.break_sink();
    (void)type("typed");
    const auto until = std::chrono::steady_clock::now() + kEnough;
    while (lost_ == 0 && stream_.end() == End::open && std::chrono::steady_clock::now() < until)
      loop_.restart(), loop_.run_one_until(until);
    settle();
  }
};

TEST_P(OvertakenWords, EndTheTunnel) {
  end_with(kBye + fin_frame(3) + reset_frame({ResetCode::dismissed, "access was revoked"}));
  EXPECT_EQ(lost_, 0);
  EXPECT_EQ(stream_.end(), End::dismissed);
  EXPECT_EQ(stream_.end_detail(), "access was revoked");
}

TEST_P(OvertakenWords, OfOneThatHasLeftAreNotWaitedFor) {
  end_with(kBye + reset_frame({ResetCode::left, {}}));
  EXPECT_EQ(lost_, 0);
  EXPECT_EQ(stream_.flush(), IoStatus::failed);
}

TEST_P(OvertakenWords, ThatSayNothingOfAnEndComeAgain) {
  end_with(kBye);
  EXPECT_EQ(lost_, 1);
  EXPECT_EQ(stream_.end(), End::open);
  EXPECT_EQ(stream_.detach(), 0u);
}

TEST_P(OvertakenWords, MayBeAViolation) {
  end_with(kBye + ack_frame(1'000));
  EXPECT_EQ(lost_, 0);
  EXPECT_EQ(stream_.end(), End::protocol);
}

INSTANTIATE_TEST_SUITE_P(ReadOrNot, OvertakenWords, ::testing::Bool());

// What follows a RESET the other end takes for a violation.
TEST_F(BrokenCarrier, OrWholeOneHearsNothingBehindTheLastWord) {
  MemoryStream& peer = attach();
  stream_.leave("the edge ends");
  ASSERT_EQ(stream_.finish(), IoStatus::ok);
  peer.say(kBye + fin_frame(3));
  stream_.discard();
  settle();
  EXPECT_EQ(peer.heard(), reset_frame({ResetCode::going_away, "the edge ends"}));
}

/// What is sent again when a carrier comes: as much as an end holds.
class ReplayTurns : public BrokenCarrier {};

TEST_F(ReplayTurns, LeaveTimeToReadAndForOtherTunnels) {
  constexpr std::size_t kMuch = 2 << 20;
  const std::string kBlock(64 << 10, 'x');
  attach();  // and nothing is acknowledged
  for (std::size_t typed = 0; typed < kMuch; typed += kBlock.size())
    ASSERT_EQ(type(kBlock).status, IoStatus::ok);
  stream_.detach();
  read_on();
  MemoryStream& peer = attach();
  EXPECT_LT(peer.heard().size(), kMuch / 4) << "all at once";
  peer.say(kBye);
  std::size_t others = 0;
  std::function<void()> other_tunnel = [&] {
    ++others;
    if (peer.heard().size() < kMuch) boost::asio::post(loop_, other_tunnel);
  };
  boost::asio::post(loop_, other_tunnel);
  loop_.restart();
  while (read_.empty() && loop_.poll_one() > 0) continue;
  EXPECT_LT(peer.heard().size(), kMuch / 2) << "before it was read";
  settle();
  EXPECT_GE(peer.heard().size(), kMuch) << "and yet it leaves";
  EXPECT_GE(others, 4u);
}

}  // namespace
}  // namespace cfpipe::tunnel
