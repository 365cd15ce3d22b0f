#include <gtest/gtest.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "quiet_channel.h"
#include "transport/websocket/stream.h"

namespace cfpipe::transport {
namespace net = boost::asio;
namespace {
using namespace std::chrono_literals;
using tunnel::End;
using tunnel::IoStatus;
using tunnel::Stream;

using testing::QuietChannel;

/// Closes the connection after `limit` without a byte from us, as edges do.
class ImpatientChannel final : public QuietChannel {
 public:
  ImpatientChannel(net::any_io_executor executor, std::vector<std::byte>& heard,
                   std::chrono::milliseconds limit)
      : QuietChannel(executor, heard, true), limit_(limit), timer_(executor) {
    rearm();
  }
  IoStatus read(std::span<std::byte> into, std::size_t& bytes) override {
    return closed_ ? IoStatus::failed : QuietChannel::read(into, bytes);
  }
  IoStatus write(std::span<const std::byte> from) override {
    if (!from.empty()) rearm();
    return QuietChannel::write(from);
  }

 private:
  void rearm() {
    timer_.expires_after(limit_);
    timer_.async_wait([this](const boost::system::error_code& error) {
      // Late as the test may be, what was due before this came first.
      if (error || timer_.expiry() > net::steady_timer::clock_type::now()) return;
      closed_ = true;
      wake_reader();
    });
  }
  std::chrono::milliseconds limit_;
  net::steady_timer timer_;
  bool closed_ = false;
};

/// What we sent last is under way for ever: the peer's system has acknowledged nothing since `died`.
class UnacknowledgedChannel final : public QuietChannel {
 public:
  UnacknowledgedChannel(net::any_io_executor executor, std::vector<std::byte>& heard,
                        std::chrono::milliseconds counts_as_gone)
      : QuietChannel(std::move(executor), heard, false), counts_as_gone_(counts_as_gone) {}
  std::optional<std::chrono::milliseconds> backed_up() const override {
    const auto ago =
        std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - died_);
    return ago < counts_as_gone_ ? std::optional(ago) : std::nullopt;
  }
  bool in_flight() const override { return true; }

 private:
  std::chrono::steady_clock::time_point died_ = std::chrono::steady_clock::now();
  std::chrono::milliseconds counts_as_gone_;
};

/// The peer has left.
class LeavingChannel final : public QuietChannel {
 public:
  LeavingChannel(net::any_io_executor executor, std::vector<std::byte>& heard, IoStatus how)
      : QuietChannel(std::move(executor), heard, false), how_(how) {}
  IoStatus read(std::span<std::byte>, std::size_t& bytes) override {
    bytes = 0;
    return how_;
  }

 private:
  IoStatus how_;
};

/// Bytes of ours are on their way until that has been asked `answers` times.
class SlowChannel final : public QuietChannel {
 public:
  SlowChannel(net::any_io_executor executor, std::vector<std::byte>& heard, int& answers)
      : QuietChannel(std::move(executor), heard, false), answers_(answers) {}
  bool in_flight() const override { return answers_-- > 0; }

 private:
  int& answers_;
};

/// This machine has lost the address of its end.
class StrandedChannel final : public QuietChannel {
 public:
  StrandedChannel(net::any_io_executor executor, std::vector<std::byte>& heard,
                  std::chrono::milliseconds& asked)
      : QuietChannel(std::move(executor), heard, false), asked_(asked) {}
  bool in_flight() const override { return true; }
  bool stranded() const override { return true; }
  void check_connection(std::chrono::milliseconds limit) override { asked_ = limit; }

 private:
  std::chrono::milliseconds& asked_;
};

class WebSocketLifeTest : public ::testing::Test {
 protected:
  // In the proportions of the real ones.
  static constexpr WebSocketTimes kTimes{200ms, 420ms, 50ms};
  static constexpr auto kLong = 4 * kTimes.peer_silent;

  std::unique_ptr<Stream> make(WsRole role, bool half_close, bool peer_answers) {
    auto channel = std::make_unique<QuietChannel>(loop.get_executor(), heard, peer_answers);
    return make_websocket_stream(std::move(channel), role, half_close, {}, kTimes);
  }
  /// Reads on until the stream ends or the time is over; true if it ended.
  bool ends_within(Stream& stream, std::chrono::milliseconds limit) {
    ended_ = false;
    read_on(stream);
    loop.restart();
    loop.run_for(limit);
    loop.restart();
    loop.poll();  // what was due by then, on a machine that is late
    return ended_;
  }
  std::size_t pings_heard(WsRole listener) {
    WsDecoder decoder(listener);
    std::size_t pings = 0;
    std::vector<tunnel::Slice> payload;
    for (auto& byte : heard) {
      WsDecoder::Events events;
      EXPECT_TRUE(decoder.feed({&byte, 1}, payload, events));
      pings += events.ping ? 1 : 0;
    }
    return pings;
  }
  /// How long a reader that begins now waits for the end of the stream.
  std::chrono::steady_clock::duration time_to_end(Stream& stream) {
    const auto begun = std::chrono::steady_clock::now();
    EXPECT_TRUE(ends_within(stream, kLong));
    return std::chrono::steady_clock::now() - begun;
  }

  net::io_context loop;
  std::vector<std::byte> heard;

 private:
  void read_on(Stream& stream) {
    const auto status = stream.fill();
    if (status == IoStatus::would_block) return stream.on_readable([this, &stream] { read_on(stream); });
    ended_ = true;
    loop.stop();
  }
  bool ended_ = false;
};

struct Leaving {
  WsRole role;
  bool ours;
  bool after_our_close;
  IoStatus how;
  End end;
};

// cloudflared ends its TLS (Go's tls.Conn.Close) and sends no Close frame.
TEST_F(WebSocketLifeTest, OnlyAForeignPeerMayLeaveWithoutAClose) {
  for (const auto& row : {Leaving{WsRole::server, false, false, IoStatus::eof, End::clean},
                          Leaving{WsRole::server, false, false, IoStatus::failed, End::cut},
                          Leaving{WsRole::server, false, true, IoStatus::eof, End::clean},
                          Leaving{WsRole::server, false, true, IoStatus::failed, End::clean},
                          Leaving{WsRole::server, true, false, IoStatus::eof, End::cut},
                          Leaving{WsRole::server, true, true, IoStatus::failed, End::cut},
                          Leaving{WsRole::client, false, false, IoStatus::eof, End::clean},
                          Leaving{WsRole::client, false, false, IoStatus::failed, End::cut},
                          Leaving{WsRole::client, false, true, IoStatus::eof, End::clean},
                          Leaving{WsRole::client, false, true, IoStatus::failed, End::cut},
                          Leaving{WsRole::client, true, false, IoStatus::eof, End::cut},
                          Leaving{WsRole::client, true, true, IoStatus::eof, End::cut}}) {
    const auto stream =
        make_websocket_stream(std::make_unique<LeavingChannel>(loop.get_executor(), heard, row.how), row.role,
                              row.ours, {}, kTimes);
    if (row.after_our_close) {
      EXPECT_EQ(stream->finish(), IoStatus::ok);
    }
    EXPECT_TRUE(ends_within(*stream, kLong));
    EXPECT_EQ(stream->end(), row.end) << "ours: " << row.ours << ", after our Close: " << row.after_our_close;
  }
}

TEST_F(WebSocketLifeTest, APeerThatAnswersPingsMayBeSilentForEver) {
  const auto stream = make(WsRole::client, true, true);
  EXPECT_FALSE(ends_within(*stream, kLong));
  EXPECT_GE(pings_heard(WsRole::server), 3U);
}

TEST_F(WebSocketLifeTest, AnEdgeOfOursThatDoesNotIsDead) {
  const auto stream = make(WsRole::client, true, false);
  EXPECT_TRUE(ends_within(*stream, kLong));
  EXPECT_EQ(stream->end(), End::silent);
  EXPECT_GE(pings_heard(WsRole::server), 1U);  // the second may fall together with the end on a busy machine
}

// cloudflared answers nothing while its origin does not read, and its answers may land inside of its data.
TEST_F(WebSocketLifeTest, AForeignPeerIsAskedNothingAndMayBeSilentWhileItsSystemAcknowledges) {
  for (const auto role : {WsRole::client, WsRole::server}) {
    heard.clear();
    const auto stream = make(role, false, false);
    EXPECT_FALSE(ends_within(*stream, kLong));
    EXPECT_EQ(pings_heard(role == WsRole::client ? WsRole::server : WsRole::client), 0U);
    constexpr std::byte kPong{0x8a};
    EXPECT_GE(std::count(heard.begin(), heard.end(), kPong), 3) << "the connection is kept awake";
  }
}

TEST_F(WebSocketLifeTest, AClientThatWasStoppedIsThereWhileItsSystemAcknowledges) {
  const auto stream = make(WsRole::server, true, false);
  EXPECT_FALSE(ends_within(*stream, kLong));
  EXPECT_GE(pings_heard(WsRole::client), 3U);
}

TEST_F(WebSocketLifeTest, APeerWhoseSystemAcknowledgesNothingIsDead) {
  for (const bool ours : {false, true}) {
    for (const auto role : {WsRole::client, WsRole::server}) {
      auto channel = std::make_unique<UnacknowledgedChannel>(loop.get_executor(), heard, 0ms);
      const auto stream = make_websocket_stream(std::move(channel), role, ours, {}, kTimes);
      EXPECT_TRUE(ends_within(*stream, kLong)) << ours;
      EXPECT_EQ(stream->end(), End::silent);
    }
  }
}

TEST_F(WebSocketLifeTest, TwoIdleHoursSurviveAnEdgeThatClosesWhatIsIdle) {
  // A thousandth of the real times: 20 s, 42 s; an edge that closes after 100 s.
  constexpr WebSocketTimes kThousandth{20ms, 42ms, 50ms};
  const auto stream =
      make_websocket_stream(std::make_unique<ImpatientChannel>(loop.get_executor(), heard, 100ms),
                            WsRole::client, true, {}, kThousandth);
  EXPECT_FALSE(ends_within(*stream, 7'200ms));
  EXPECT_EQ(stream->end(), End::open);
  EXPECT_GE(pings_heard(WsRole::server), 72U);
}

TEST_F(WebSocketLifeTest, AnEdgeThatClosesWhatIsIdleIsNoticedWherePingsComeTooLate) {
  constexpr WebSocketTimes kTooLate{300ms, 700ms, 50ms};
  const auto stream =
      make_websocket_stream(std::make_unique<ImpatientChannel>(loop.get_executor(), heard, 100ms),
                            WsRole::client, false, {}, kTooLate);
  EXPECT_TRUE(ends_within(*stream, kLong));
  EXPECT_EQ(stream->end(), End::cut);
}

TEST_F(WebSocketLifeTest, AProcessThatWasStoppedAsksBeforeItGivesUp) {
  const auto stream = make(WsRole::client, true, true);
  EXPECT_FALSE(ends_within(*stream, kTimes.ping_every));
  std::this_thread::sleep_for(3 * kTimes.peer_silent);  // Ctrl-Z, or a machine that did nothing for a while
  loop.restart();
  loop.run_for(kLong);
  EXPECT_EQ(stream->end(), End::open);
}

TEST_F(WebSocketLifeTest, UnacknowledgedBytesDoNotMakeADeadPeerLiveLonger) {
  constexpr WebSocketTimes kSlower{400ms, 840ms, 50ms};
  auto channel = std::make_unique<UnacknowledgedChannel>(loop.get_executor(), heard, 500ms);
  const auto stream = make_websocket_stream(std::move(channel), WsRole::client, false, {}, kSlower);
  EXPECT_TRUE(ends_within(*stream, 1'050ms)) << "400 ms and 840 ms would be counted one after the other";
  EXPECT_EQ(stream->end(), End::silent);
}

TEST_F(WebSocketLifeTest, BehindAHalfCloseTheOriginMayTakeItsTime) {
  const auto stream = make(WsRole::client, true, false);
  EXPECT_EQ(stream->finish(), IoStatus::ok);
  const auto said = heard.size();
  EXPECT_FALSE(ends_within(*stream, kLong));
  EXPECT_EQ(stream->end(), End::open);
  EXPECT_EQ(heard.size(), said) << "nothing is said behind a Close";
}

TEST_F(WebSocketLifeTest, AnEdgeThatDoesNotAnswerACloseMayHaveMoreToSay) {
  const auto stream = make(WsRole::client, false, false);
  EXPECT_EQ(stream->finish(), IoStatus::ok);
  EXPECT_TRUE(ends_within(*stream, kLong));
  EXPECT_EQ(stream->end(), End::silent);
  EXPECT_EQ(stream->end_detail(), "no answer to the end of the tunnel for 0 seconds");
}

TEST_F(WebSocketLifeTest, AClientThatDoesNotAnswerACloseHasBeenToldEverything) {
  const auto stream = make(WsRole::server, false, false);
  EXPECT_EQ(stream->finish(), IoStatus::ok);
  EXPECT_TRUE(ends_within(*stream, kLong));
  EXPECT_EQ(stream->end(), End::clean);
}

// Under back-pressure the relay does not read. The answer's time begins when it does again.
TEST_F(WebSocketLifeTest, AReaderThatReturnsLateHasTheWholeReplyTime) {
  const auto stream = make(WsRole::client, false, false);
  EXPECT_EQ(stream->finish(), IoStatus::ok);
  EXPECT_EQ(stream->fill(), IoStatus::would_block);
  loop.run_for(2 * kTimes.close_reply);
  EXPECT_GE(time_to_end(*stream), kTimes.close_reply);
  EXPECT_EQ(stream->end(), End::silent);
}

TEST_F(WebSocketLifeTest, ACloseBehindBytesInFlightIsNotOverdue) {
  int answers = 3;
  auto channel = std::make_unique<SlowChannel>(loop.get_executor(), heard, answers);
  const auto stream = make_websocket_stream(std::move(channel), WsRole::client, false, {}, kTimes);
  EXPECT_EQ(stream->finish(), IoStatus::ok);
  EXPECT_GE(time_to_end(*stream), 4 * kTimes.close_reply);
  EXPECT_LT(answers, 0) << "the channel is asked each time the answer is overdue";
  EXPECT_EQ(stream->end(), End::silent);
}

// RFC 6455 5.5.1: no frame follows a Close, while a reader takes its time either.
TEST_F(WebSocketLifeTest, NoSignOfLifeFollowsAClose) {
  for (const bool ours : {false, true}) {
    for (const auto role : {WsRole::client, WsRole::server}) {
      const auto stream = make(role, ours, false);
      EXPECT_EQ(stream->finish(), IoStatus::ok);
      const auto said = heard.size();
      loop.restart();
      loop.run_for(2 * kTimes.ping_every);
      EXPECT_EQ(heard.size(), said);
    }
  }
}

TEST_F(WebSocketLifeTest, NoPongFollowsAClose) {
  auto channel = std::make_unique<QuietChannel>(loop.get_executor(), heard, false);
  QuietChannel& peer = *channel;
  const auto stream = make_websocket_stream(std::move(channel), WsRole::client, false, {}, kTimes);
  peer.say(control_frame(WsOpcode::ping, "before", nullptr));
  EXPECT_EQ(stream->fill(), IoStatus::would_block);
  const auto answered = heard.size();
  EXPECT_GT(answered, 0U);
  EXPECT_EQ(stream->finish(), IoStatus::ok);
  const auto closed = heard.size();
  EXPECT_GT(closed, answered);
  peer.say(control_frame(WsOpcode::ping, "behind", nullptr));
  EXPECT_EQ(stream->fill(), IoStatus::would_block);
  EXPECT_EQ(heard.size(), closed);
}

TEST_F(WebSocketLifeTest, ACheckWaitsForNothingWhereNoAnswerCanCome) {
  std::chrono::milliseconds asked{};
  auto channel = std::make_unique<StrandedChannel>(loop.get_executor(), heard, asked);
  const auto stream = make_websocket_stream(std::move(channel), WsRole::client, true, {}, kTimes);
  stream->check(kLong);
  EXPECT_EQ(asked, kLong) << "a connection that others share is asked as well";
  EXPECT_TRUE(ends_within(*stream, kTimes.ping_every));
  EXPECT_EQ(stream->end(), End::silent);
}

}  // namespace
}  // namespace cfpipe::transport
