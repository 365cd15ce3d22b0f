#include "tunnel/relay.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <optional>

#include "support/memory_stream.h"

namespace cfpipe::tunnel {
namespace {
namespace net = boost::asio;
using namespace std::chrono_literals;
using testing::Faults;
using testing::MemoryStream;

constexpr RelayTimes kShort{20ms, 20ms};
/// Far above what any of these needs; only a relay that hangs meets it.
constexpr auto kHung = 20s;

std::string pattern(std::size_t size, unsigned seed) {
  std::string out(size, '\0');
  for (auto& c : out) {
    seed = seed * 1103515245U + 12345U;
    c = static_cast<char>(seed >> 16);
  }
  return out;
}

struct Fixture {
  explicit Fixture(Faults near_faults = {}, Faults far_faults = {}, RelayTimes times = kShort)
      : near(loop.get_executor(), near_faults),
        far(loop.get_executor(), far_faults),
        relay(std::in_place, loop.get_executor(), near, far, times) {}

  void start() {
    started = true;
    net::co_spawn(loop, relay->run(), [this](std::exception_ptr thrown, Outcome result) {
      ASSERT_FALSE(thrown);
      outcome = result;
    });
  }
  // Runs until nothing is left to do, which is the end of the relay or its standing still.
  void settle() {
    loop.restart();
    loop.poll();
  }
  bool run() {
    if (!started) start();
    loop.restart();
    loop.run_for(kHung);
    EXPECT_EQ(near.misuse(), "");
    EXPECT_EQ(far.misuse(), "");
    return outcome.has_value();
  }

  net::io_context loop;
  MemoryStream near, far;
  std::optional<Relay> relay;
  std::optional<Outcome> outcome;
  bool started = false;
};

const std::string kUp = pattern(20'000, 1);
const std::string kDown = pattern(33'333, 2);

TEST(Relay, CarriesBothWaysByteExactlyUnderEveryPatternOfBlocking) {
  for (const std::size_t fill : {std::size_t{1}, std::size_t{7}, std::size_t{1000}, std::size_t{100'000}}) {
    for (const std::size_t take : {std::size_t{1}, std::size_t{13}, std::size_t{100'000}}) {
      for (const int block : {0, 2, 3, 5}) {
        for (const bool holds : {true, false}) {
          const std::string up = kUp.substr(0, 2000);
          const std::string down = kDown.substr(0, 3333);
          const Faults faults{fill, take, block, -1, holds};
          Fixture f(faults, faults);
          f.near.say(up);
          f.near.end_saying();
          f.far.say(down);
          f.far.end_saying();
          ASSERT_TRUE(f.run()) << fill << ' ' << take << ' ' << block;
          ASSERT_EQ(f.far.heard(), up) << fill << ' ' << take << ' ' << block;
          ASSERT_EQ(f.near.heard(), down) << fill << ' ' << take << ' ' << block;
          EXPECT_TRUE(f.near.finished() && f.far.finished());
          EXPECT_TRUE(f.near.closed() && f.far.closed());
          EXPECT_EQ(f.outcome->near_to_far, up.size());
          EXPECT_EQ(f.outcome->far_to_near, down.size());
          EXPECT_EQ(f.outcome->near, End::clean);
          EXPECT_EQ(f.outcome->far, End::clean);
        }
      }
    }
  }
}

// Whatever operation fails on whichever side: the relay ends, nothing is invented or reordered, and the
// failure is told.
TEST(Relay, EndsWhereverAnOperationFails) {
  for (const bool near_fails : {true, false}) {
    for (const bool half_closes : {true, false}) {
      for (int at = 0;; ++at) {
        Faults faults{3000, 2500, 3, at, true};
        Faults none{3000, 2500, 3, -1, true};
        Fixture f(near_fails ? faults : none, near_fails ? none : faults, {1ms, 1ms});
        f.far.half_close(half_closes);
        f.far.stay_open_after_eof(half_closes);
        f.near.say(kUp);
        f.near.end_saying();
        f.far.say(kDown);
        f.far.end_saying();
        ASSERT_TRUE(f.run()) << "operation " << at;
        ASSERT_TRUE(kUp.starts_with(f.far.heard())) << "operation " << at;
        ASSERT_TRUE(kDown.starts_with(f.near.heard())) << "operation " << at;
        ASSERT_TRUE(f.near.closed() && f.far.closed());
        auto& failing = near_fails ? f.near : f.far;
        if (!failing.fault_met()) {
          EXPECT_GT(at, 10);
          break;
        }
      }
    }
  }
}

TEST(Relay, DeliversTheTailOfASourceThatFails) {
  Fixture f;
  f.far.say(kDown);
  f.far.end_saying(End::cut);
  ASSERT_TRUE(f.run());
  EXPECT_EQ(f.near.heard(), kDown);
  EXPECT_EQ(f.outcome->far, End::cut);
  EXPECT_EQ(f.outcome->detail, "a planned fault");
}

TEST(Relay, DeliversTheTailAlthoughItsPeerTakesNoMore) {
  Fixture f({}, Faults{1000, 1000, 0, 0, true});  // the first operation on the far side, a take, fails
  f.near.say("a");
  f.far.stop_hearing();
  f.start();
  f.settle();
  f.far.say(kDown);
  f.far.end_saying();
  ASSERT_TRUE(f.run());
  EXPECT_EQ(f.near.heard(), kDown);
}

TEST(Relay, ReadsNoMoreThanOneFillAheadOfASinkThatDoesNotTake) {
  Fixture f({}, {}, {1ms, 1ms});
  f.far.stop_hearing();
  f.near.say(kUp);
  f.start();
  f.settle();
  EXPECT_EQ(f.near.read_by_us(), 1000U);
  f.far.say("the other direction goes on");
  f.settle();
  EXPECT_EQ(f.near.heard(), "the other direction goes on");
  EXPECT_EQ(f.near.read_by_us(), 1000U);
  f.far.hear_again();
  f.near.end_saying();
  f.far.end_saying();
  ASSERT_TRUE(f.run());
  EXPECT_EQ(f.far.heard(), kUp);
}

TEST(Relay, LeavesTheLoopToOthersAfterItsTurn) {
  for (const std::size_t fill : {std::size_t{1}, std::size_t{60'000}, 2 * kTurnBytes}) {
    Fixture f({.fill_bytes = fill}, {});
    f.near.say(pattern(std::min(400 * fill, 10 * kTurnBytes), 3));
    f.start();
    f.loop.poll_one();  // the relay begins
    std::uint64_t most = 0;
    int turns = 0;
    for (std::uint64_t before = 0; f.loop.poll_one() > 0; before = f.relay->near_to_far()) {
      most = std::max(most, f.relay->near_to_far() - before);
      ++turns;
    }
    EXPECT_EQ(f.relay->near_to_far(), std::min(400 * fill, 10 * kTurnBytes));
    EXPECT_LT(most, kTurnBytes + fill);
    EXPECT_GT(turns, 5);
  }
}

TEST(Relay, PushesOutWhatASinkHoldsBeforeItSleeps) {
  Fixture f;
  f.near.say("typed");
  f.start();
  f.settle();
  EXPECT_EQ(f.far.heard(), "typed");
}

TEST(Relay, KeepsTheDownloadAfterStdinHasEnded) {
  Fixture f;
  f.near.end_saying();
  f.start();
  f.settle();
  EXPECT_TRUE(f.far.finished());
  EXPECT_FALSE(f.outcome);
  f.far.say(kDown);
  f.settle();
  EXPECT_EQ(f.near.heard(), kDown);
  f.far.end_saying();
  EXPECT_TRUE(f.run());
}

TEST(Relay, HoldsTheEndBackFromASinkThatCannotHalfClose) {
  Fixture f({}, {}, {600ms, 20ms});
  f.far.half_close(false);
  f.far.stay_open_after_eof(false);
  f.near.end_saying();
  f.start();
  f.settle();
  EXPECT_FALSE(f.far.finished());
  // Bytes that arrive start the silence anew: five of them take longer than it, and each has room to come
  // late.
  int left = 5;
  net::steady_timer tick(f.loop);
  std::function<void()> again = [&] {
    tick.expires_after(150ms);
    tick.async_wait([&](auto) {
      EXPECT_FALSE(f.far.finished());
      f.far.say("x");
      if (--left > 0) again();
    });
  };
  again();
  f.far.on_finish = [&f] { f.far.end_saying(); };
  f.loop.restart();
  f.loop.run_for(kHung);
  ASSERT_TRUE(f.outcome);
  EXPECT_EQ(f.near.heard(), "xxxxx");
  EXPECT_TRUE(f.far.finished());
}

// What the far side still has to say behind an end that silence has brought arrives: it is the far stream
// that knows how long its peer may take.
TEST(Relay, DeliversWhatComesBetweenAnEndThatWasHeldBackAndItsAnswer) {
  Fixture f;
  f.far.half_close(false);
  f.far.stay_open_after_eof(false);
  f.near.say(kUp);
  f.near.end_saying();
  net::steady_timer later(f.loop);
  f.far.on_finish = [&] {
    later.expires_after(3 * kShort.drain_silence);
    later.async_wait([&](auto) {
      f.far.say(kDown);
      f.far.end_saying();
    });
  };
  ASSERT_TRUE(f.run());
  EXPECT_EQ(f.far.heard(), kUp);
  EXPECT_EQ(f.near.heard(), kDown);
  EXPECT_EQ(f.outcome->far, End::clean);
}

TEST(Relay, TellsAnInputThatBrokeOffFromAnOutputThatWasClosed) {
  Fixture broken;
  broken.near.end_saying(End::cut);
  broken.far.end_saying();
  ASSERT_TRUE(broken.run());
  EXPECT_TRUE(broken.outcome->near_broke_off);
  EXPECT_TRUE(broken.far.told_of_break());
  Fixture closed(Faults{1000, 1000, 0, 1, true});  // the first take of near fails
  closed.far.say(kDown);
  ASSERT_TRUE(closed.run());
  EXPECT_FALSE(closed.outcome->near_broke_off);
}

TEST(Relay, DoesNotTakeBackPressureForSilence) {
  Fixture f({}, {}, {5ms, 5ms});
  f.far.half_close(false);
  f.near.end_saying();
  f.near.stop_hearing();
  f.far.say(kDown);
  f.start();
  f.loop.run_for(50ms);
  EXPECT_FALSE(f.far.finished());
  f.near.hear_again();
  f.far.on_finish = [&f] { f.far.end_saying(); };
  ASSERT_TRUE(f.run());
  EXPECT_EQ(f.near.heard(), kDown);
}

TEST(Relay, EndsTheUploadWhenThePeerTakesNothingAfterItsEnd) {
  Fixture f;
  f.far.stay_open_after_eof(false);
  f.far.say("bye");
  f.far.end_saying();
  ASSERT_TRUE(f.run());
  EXPECT_EQ(f.near.heard(), "bye");
  EXPECT_TRUE(f.far.finished());
  EXPECT_EQ(f.outcome->near, End::open);
}

TEST(Relay, EndsAfterSilenceWhenStdoutHasGone) {
  Fixture f(Faults{1000, 1000, 0, 1, true});  // near: fill would block, then its take fails
  f.far.say("nobody reads this");
  ASSERT_TRUE(f.run());
  EXPECT_TRUE(f.far.finished());
}

TEST(Relay, StopEndsBothSides) {
  Fixture f;
  f.start();
  f.settle();
  f.relay->stop();
  ASSERT_TRUE(f.run());
  EXPECT_TRUE(f.near.finished() && f.far.finished());
  f.relay->stop();  // again: nothing to do
}

TEST(Relay, StopDoesNotWaitForAPeerThatDoesNotRead) {
  Fixture f;
  f.near.say(kUp);
  f.far.stop_hearing();
  f.start();
  f.settle();
  f.relay->stop();
  EXPECT_TRUE(f.run());
  EXPECT_TRUE(f.far.closed());
}

TEST(Relay, DoesNotWaitForAPeerThatEndedAndDoesNotRead) {
  Fixture f;
  f.far.stay_open_after_eof(false);
  f.near.say(kUp);
  f.far.stop_hearing();
  f.far.end_saying(End::silent);
  ASSERT_TRUE(f.run());
  EXPECT_EQ(f.outcome->far, End::silent);
}

TEST(Relay, LetsAPeerThatReadsSlowlyHearTheEnd) {
  Fixture f({}, {}, {10ms, 10ms});
  f.near.say(kUp);
  f.near.end_saying();
  f.far.stop_hearing();
  f.start();
  f.loop.run_for(50ms);
  EXPECT_FALSE(f.outcome);
  f.far.hear_again();
  f.far.on_finish = [&f] { f.far.end_saying(); };
  ASSERT_TRUE(f.run());
  EXPECT_EQ(f.far.heard(), kUp);
}

TEST(Relay, GoneBeforeItsEndLeavesNothingBehind) {
  Fixture f;
  f.far.stop_hearing();
  f.near.say(kUp);
  f.start();
  f.settle();
  f.relay.reset();
  f.loop.run_for(kHung);
  EXPECT_TRUE(f.near.closed() && f.far.closed());
  EXPECT_EQ(f.far.heard(), "");
}

// The program at the near side has gone: what it said last still leaves.
TEST(Relay, AnAbandonedNearSideHasSaidWhatItSaid) {
  for (const bool half_closes : {true, false}) {
    Fixture f;
    f.far.half_close(half_closes);
    f.near.say(kUp);
    f.start();
    f.far.stop_hearing();
    f.settle();
    f.near.end_saying();
    f.relay->abandon_near();
    f.settle();
    EXPECT_FALSE(f.outcome);
    f.far.say(kDown);
    f.far.hear_again();
    ASSERT_TRUE(f.run());
    EXPECT_EQ(f.far.heard(), kUp);
    EXPECT_TRUE(f.far.finished());
  }
}

TEST(Relay, AnAbandonedNearSideIsNotWaitedForByOneThatTakesNothing) {
  for (const bool said_all : {true, false}) {
    Fixture f;
    f.near.say(kUp);
    if (said_all) f.near.end_saying();
    f.far.stop_hearing();
    f.start();
    f.settle();
    f.relay->abandon_near();
    ASSERT_TRUE(f.run()) << said_all;
    EXPECT_TRUE(f.near.closed() && f.far.closed());
  }
}

TEST(Relay, AFarSideThatMovesGetsAllOfAnAbandonedNearSide) {
  // It takes a little every time, for much longer than what is allowed where nothing moves.
  Fixture f({}, Faults{1000, 100, 2, -1, true}, {20ms, 20ms});
  f.near.say(kUp);
  f.near.end_saying();
  f.start();
  f.relay->abandon_near();
  ASSERT_TRUE(f.run());
  EXPECT_EQ(f.far.heard(), kUp);
}

// The far end takes every byte and then never lets its end be said, as behind a full socket.
TEST(Relay, AnAbandonedNearSideIsNotWaitedForByOneThatCannotFinish) {
  Fixture f;
  f.far.stop_hearing();
  f.near.end_saying();
  f.start();
  f.settle();
  EXPECT_TRUE(f.far.finished());
  EXPECT_FALSE(f.outcome);
  f.relay->abandon_near();
  ASSERT_TRUE(f.run());
  EXPECT_TRUE(f.near.closed() && f.far.closed());
}

// Whichever direction ends first: the last one does not wait for ever for a peer that takes no end.
TEST(Relay, AnEndThatCannotBeSentIsGivenUpOnceTheOtherDirectionIsDone) {
  for (const bool near_first : {true, false}) {
    Fixture f;
    f.start();
    f.settle();
    f.far.stop_hearing();
    (near_first ? f.near : f.far).end_saying();
    f.settle();
    EXPECT_FALSE(f.outcome) << near_first;
    (near_first ? f.far : f.near).end_saying();
    ASSERT_TRUE(f.run()) << near_first;
  }
}

TEST(Relay, TheFarEndsReasonComesBeforeTheNearEnds) {
  for (const bool far_fails : {true, false}) {
    Fixture f;
    f.near.detail = "near";
    f.far.detail = "far";
    f.far
        .stop_hearing();  // so that the near end's failure, which comes first, does not end the relay at once
    f.near.end_saying(End::cut);
    f.far.end_saying(far_fails ? End::cut : End::clean);
    ASSERT_TRUE(f.run());
    EXPECT_EQ(f.outcome->near, End::cut);
    EXPECT_EQ(f.outcome->detail, far_fails ? "far" : "near");
  }
}

TEST(Relay, ASourceThatBreaksOffIsToldToItsSink) {
  for (const auto how : {End::clean, End::cut}) {
    Fixture f;
    f.far.say(kDown);
    f.far.end_saying(how);
    f.near.end_saying();
    ASSERT_TRUE(f.run());
    EXPECT_EQ(f.near.heard(), kDown);
    EXPECT_EQ(f.near.told_of_break(), how == End::cut);
  }
}

}  // namespace
}  // namespace cfpipe::tunnel
