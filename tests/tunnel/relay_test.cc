#include "tunnel/relay.h"

#include <gtest/gtest.h>

#include <boost/asio/steady_timer.hpp>

#include "tunnel/relay_fixture.h"

namespace cfpipe::tunnel {
namespace {

TEST(Relay, CarriesBothWaysByteExactlyUnderEveryPatternOfBlocking) {
  for (const std::size_t fill : {std::size_t{1}, std::size_t{7}, std::size_t{1000}, std::size_t{100'000}}) {
    for (const std::size_t take : {std::size_t{1}, std::size_t{13}, std::size_t{100'000}}) {
      for (const int block : {0, 2, 3, 5}) {
        for (const bool holds : {true, false}) {
          const std::string up = kUp.substr(0, 2000);
          const std::string down = kDown.substr(0, 3333);
          const Faults faults{fill, take, block, -1, holds};
          RelayFixture f(faults, faults);
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
        RelayFixture f(near_fails ? faults : none, near_fails ? none : faults, {1ms, 1ms});
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
  RelayFixture f;
  f.far.say(kDown);
  f.far.end_saying(End::cut);
  ASSERT_TRUE(f.run());
  EXPECT_EQ(f.near.heard(), kDown);
  EXPECT_EQ(f.outcome->far, End::cut);
  EXPECT_EQ(f.outcome->detail, "a planned fault");
}

TEST(Relay, DeliversTheTailAlthoughItsPeerTakesNoMore) {
  RelayFixture f({}, Faults{1000, 1000, 0, 0, true});  // the first operation on the far side, a take, fails
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
  RelayFixture f({}, {}, {1ms, 1ms});
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
    RelayFixture f({.fill_bytes = fill}, {});
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
  RelayFixture f;
  f.near.say("typed");
  f.start();
  f.settle();
  EXPECT_EQ(f.far.heard(), "typed");
}

}  // namespace
}  // namespace cfpipe::tunnel
