#include <gtest/gtest.h>

#include <boost/asio/steady_timer.hpp>

#include "tunnel/relay.h"
#include "tunnel/relay_fixture.h"

namespace cfpipe::tunnel {
namespace {

TEST(Relay, KeepsTheDownloadAfterStdinHasEnded) {
  RelayFixture f;
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
  RelayFixture f({}, {}, {600ms, 20ms});
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
  RelayFixture f;
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
  RelayFixture broken;
  broken.near.end_saying(End::cut);
  broken.far.end_saying();
  ASSERT_TRUE(broken.run());
  EXPECT_TRUE(broken.outcome->near_broke_off);
  EXPECT_TRUE(broken.far.told_of_break());
  RelayFixture closed(Faults{1000, 1000, 0, 1, true});  // the first take of near fails
  closed.far.say(kDown);
  ASSERT_TRUE(closed.run());
  EXPECT_FALSE(closed.outcome->near_broke_off);
}

TEST(Relay, DoesNotTakeBackPressureForSilence) {
  RelayFixture f({}, {}, {5ms, 5ms});
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
  RelayFixture f;
  f.far.stay_open_after_eof(false);
  f.far.say("bye");
  f.far.end_saying();
  ASSERT_TRUE(f.run());
  EXPECT_EQ(f.near.heard(), "bye");
  EXPECT_TRUE(f.far.finished());
  EXPECT_EQ(f.outcome->near, End::open);
}

TEST(Relay, EndsAfterSilenceWhenStdoutHasGone) {
  RelayFixture f(Faults{1000, 1000, 0, 1, true});  // near: fill would block, then its take fails
  f.far.say("this is never read");
  ASSERT_TRUE(f.run());
  EXPECT_TRUE(f.far.finished());
}

TEST(Relay, StopEndsBothSides) {
  RelayFixture f;
  f.start();
  f.settle();
  f.relay->stop();
  ASSERT_TRUE(f.run());
  EXPECT_TRUE(f.near.finished() && f.far.finished());
  f.relay->stop();  // again: nothing to do
}

TEST(Relay, StopDoesNotWaitForAPeerThatDoesNotRead) {
  RelayFixture f;
  f.near.say(kUp);
  f.far.stop_hearing();
  f.start();
  f.settle();
  f.relay->stop();
  EXPECT_TRUE(f.run());
  EXPECT_TRUE(f.far.closed());
}

TEST(Relay, DoesNotWaitForAPeerThatEndedAndDoesNotRead) {
  RelayFixture f;
  f.far.stay_open_after_eof(false);
  f.near.say(kUp);
  f.far.stop_hearing();
  f.far.end_saying(End::silent);
  ASSERT_TRUE(f.run());
  EXPECT_EQ(f.outcome->far, End::silent);
}

TEST(Relay, LetsAPeerThatReadsSlowlyHearTheEnd) {
  RelayFixture f({}, {}, {10ms, 10ms});
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
  RelayFixture f;
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
    RelayFixture f;
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
    RelayFixture f;
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
  RelayFixture f({}, Faults{1000, 100, 2, -1, true}, {20ms, 20ms});
  f.near.say(kUp);
  f.near.end_saying();
  f.start();
  f.relay->abandon_near();
  ASSERT_TRUE(f.run());
  EXPECT_EQ(f.far.heard(), kUp);
}

// The far end takes every byte and then never lets its end be said, as behind a full socket.
TEST(Relay, AnAbandonedNearSideIsNotWaitedForByOneThatCannotFinish) {
  RelayFixture f;
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
    RelayFixture f;
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
    RelayFixture f;
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
    RelayFixture f;
    f.far.say(kDown);
    f.far.end_saying(how);
    f.near.end_saying();
    ASSERT_TRUE(f.run());
    EXPECT_EQ(f.near.heard(), kDown);
    EXPECT_EQ(f.near.told_of_break(), how == End::cut);
  }
}

TEST(RelayWithoutACoroutine, ReportsItsResultOnceAndNotFromInside) {
  RelayFixture f;
  int told = 0;
  f.relay->start([&](const Outcome& outcome) {
    ++told;
    f.outcome = outcome;
    f.relay.reset();
  });
  f.near.say(kUp);
  f.near.end_saying();
  f.settle();
  EXPECT_EQ(told, 0);
  f.far.end_saying();
  f.settle();
  EXPECT_EQ(told, 1);
  ASSERT_TRUE(f.outcome);
  EXPECT_EQ(f.outcome->near_to_far, kUp.size());
  EXPECT_EQ(f.outcome->far, End::clean);
}

TEST(RelayWithoutACoroutine, ThatWasStoppedBeforeReportsAsWell) {
  RelayFixture f;
  f.relay->stop();
  bool inside = true;
  bool told = false;
  f.relay->start([&](const Outcome&) {
    EXPECT_FALSE(inside);
    told = true;
  });
  inside = false;
  f.settle();
  EXPECT_TRUE(told);
}

TEST(RelayWithoutACoroutine, ReportsNothingOnceItIsDestroyed) {
  for (const bool ended : {false, true}) {
    RelayFixture f;
    bool told = false;
    f.relay->start([&told](const Outcome&) { told = true; });
    f.settle();
    if (ended) f.relay->stop();
    f.relay.reset();
    f.settle();
    EXPECT_FALSE(told) << ended;
    EXPECT_TRUE(f.near.closed() && f.far.closed());
  }
}

}  // namespace
}  // namespace cfpipe::tunnel
