#include "tunnel/resume/resumable_stream.h"

#include <gtest/gtest.h>

#include <random>

#include "resume_pair.h"
#include "tunnel/resume/frames.h"
#include "tunnel/resume/replay_buffer.h"
#include "tunnel/resume/sender.h"

namespace cfpipe::tunnel {
namespace {

Cut never() {
  return {};
}

void expect_whole(ResumePair& pair, const std::string& up, const std::string& down) {
  ASSERT_TRUE(pair.run()) << "it stands still";
  EXPECT_EQ(pair.server.heard().size(), up.size());
  EXPECT_EQ(pair.user.heard().size(), down.size());
  EXPECT_TRUE(pair.server.heard() == up && pair.user.heard() == down) << "other bytes";
  EXPECT_TRUE(pair.server.finished() && pair.user.finished());
  for (const Outcome& outcome : {*pair.client_outcome, *pair.edge_outcome}) {
    EXPECT_EQ(outcome.near, End::clean);
    EXPECT_EQ(outcome.far, End::clean);
    EXPECT_EQ(outcome.detail, "");
  }
}

TEST(ResumableStream, CarriesBothDirectionsToTheirEnds) {
  ResumePair pair(never);
  const std::string up = pattern(300'000, 1);
  const std::string down = pattern(200'000, 2);
  pair.user.say(up);
  pair.server.say(down);
  pair.user.end_saying();
  pair.server.end_saying();
  pair.start();
  expect_whole(pair, up, down);
  EXPECT_EQ(pair.carriers, 1);
}

TEST(ResumableStream, HalfCloses) {
  ResumePair pair(never);
  pair.user.say("up");
  pair.user.end_saying();
  pair.start();
  pair.run_for(50ms);
  EXPECT_TRUE(pair.server.finished());
  EXPECT_FALSE(pair.client_outcome);
  pair.server.say("and down");
  pair.server.end_saying();
  expect_whole(pair, "up", "and down");
}

// The first carrier is cut behind each byte of the session, and so is the second.
TEST(ResumableStream, LosesNothingWhereverACarrierIsCut) {
  const std::string up = "from the client";
  const std::string down = "from the server of this tunnel";
  int cuts = 0;
  for (bool holds : {false, true}) {
    for (std::size_t first = 1; first < 180; ++first) {
      for (std::size_t step : {std::size_t{1}, std::size_t{3}, std::size_t{1'000}}) {
        SCOPED_TRACE("cut at " + std::to_string(first) + ", steps of " + std::to_string(step));
        int carrier = 0;
        ResumePair pair(
            [&] {
              Cut cut;
              cut.holds = holds;
              cut.step = step;
              if (++carrier <= 2) cut.left = first;
              return cut;
            },
            Faults{7});
        pair.user.say(up);
        pair.server.say(down);
        pair.user.end_saying();
        pair.server.end_saying();
        pair.start();
        expect_whole(pair, up, down);
        cuts += pair.carriers - 1;
        if (HasFailure()) return;
      }
    }
  }
  EXPECT_GT(cuts, 1'000);
}

TEST(ResumableStream, LosesNothingOverManyCuts) {
  for (unsigned seed = 0; seed < 40; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    const auto up_to = [&random](std::size_t most) {
      return std::uniform_int_distribution<std::size_t>(1, most)(random);
    };
    const std::string up = pattern(up_to(60'000), seed);
    const std::string down = pattern(up_to(60'000), seed + 1'000);
    int carrier = 0;
    ResumePair pair(
        [&] {
          Cut cut;
          cut.holds = up_to(2) == 1;
          if (up_to(3) == 1) cut.step = 10 + up_to(5'000);
          if (++carrier < 50) cut.left = up_to(9'000);
          return cut;
        },
        Faults{10 + up_to(20'000),
               up_to(2) == 1 ? std::numeric_limits<std::size_t>::max() : 10 + up_to(2'000),
               up_to(2) == 1 ? 0 : static_cast<int>(up_to(6)) + 1});
    pair.user.say(up);
    pair.server.say(down);
    pair.user.end_saying();
    pair.server.end_saying();
    pair.start();
    expect_whole(pair, up, down);
    EXPECT_GT(pair.carriers, 1);
    if (HasFailure()) return;
  }
}

// The program at one end has gone, and takes nothing of what still comes.
TEST(ResumableStream, AnEndThatLeavesSaysSo) {
  ResumePair pair(never, Faults{1'000, 10});
  pair.user.stop_hearing();
  pair.server.say(pattern(300'000, 3));
  pair.start();
  pair.run_for(50ms);
  EXPECT_FALSE(pair.client_outcome || pair.edge_outcome);
  pair.up->abandon_near();
  pair.user.end_saying();
  ASSERT_TRUE(pair.run()) << pair.client_outcome.has_value() << pair.edge_outcome.has_value();
  EXPECT_EQ(pair.carriers, 1) << "its carrier was not taken for a lost one";
  EXPECT_TRUE(pair.server.finished());
}

// As ssh does that is killed at its prompt, where the other end has nothing to say: the ACK of the end is
// read all the same, and not waited for until the relay gives up.
TEST(ResumableStream, AnIdleEndThatLeavesIsThroughAtOnce) {
  ResumePair pair(never);
  pair.times = RelayTimes();
  pair.user.say("a line");
  pair.server.say("and its answer");
  pair.start();
  pair.run_for(50ms);
  ASSERT_EQ(pair.user.heard(), "and its answer");
  pair.up->abandon_near();
  pair.user.end_saying();
  for (auto waited = 0ms; !pair.client_outcome && waited < pair.times.finish_limit / 2; waited += 50ms)
    pair.run_for(50ms);
  EXPECT_TRUE(pair.client_outcome);
  EXPECT_TRUE(pair.server.finished());
}

// As a server does that has ended while its client still speaks: what comes is dropped, and both get to their
// ends.
TEST(ResumableStream, AnEndThatTakesNothingMoreStillHearsTheOther) {
  for (bool cut : {false, true}) {
    bool first = true;
    ResumePair pair([&] {
      Cut once;
      if (cut && std::exchange(first, false)) once.left = 20;
      return once;
    });
    pair.server.say("the last words");
    pair.server.end_saying();
    pair.server.break_sink();
    pair.user.say(pattern(300'000, 5));
    pair.start();
    pair.run_for(200ms);
    EXPECT_EQ(pair.user.heard(), "the last words");
    EXPECT_TRUE(pair.user.finished());
    pair.user.end_saying();
    ASSERT_TRUE(pair.run());
    EXPECT_EQ(pair.carriers, cut ? 2 : 1);
    EXPECT_EQ(pair.client_outcome->far, End::clean);
  }
}

// Bytes, the end and the word that all is over in one piece, behind which the connection has gone: to an end
// that reads for itself alone.
TEST(ResumableStream, TheLastWordIsHeardBehindBytesThatNoOneTakes) {
  net::io_context loop;
  ResumableStream edge(loop.get_executor(), true);
  int lost = 0;
  edge.on_detached([&lost] { ++lost; });
  auto carrier = std::make_unique<MemoryStream>(loop.get_executor());
  carrier->say(std::string("\0\0\0\3bye", 7) + fin_frame(3) + reset_frame({ResetCode::left, {}}));
  carrier->end_saying(End::cut);
  ASSERT_TRUE(edge.attach(std::move(carrier), 0));
  edge.discard();
  loop.run_for(50ms);
  EXPECT_EQ(lost, 0);
  EXPECT_EQ(edge.end(), End::clean);
}

// A daemon between the two ends its connections in peace, whatever it has lost.
TEST(ResumableStream, AnEndInPeaceIsBelievedWhereItIsTheOtherEnds) {
  for (bool distrusted : {false, true}) {
    net::io_context loop;
    ResumableStream edge(loop.get_executor(), true);
    if (distrusted) edge.distrust_ends();
    int lost = 0;
    edge.on_detached([&lost] { ++lost; });
    auto carrier = std::make_unique<MemoryStream>(loop.get_executor());
    carrier->say(fin_frame(0));
    carrier->end_saying();
    ASSERT_TRUE(edge.attach(std::move(carrier), 0));
    std::string room(kHeadroom, '\0');
    room += "not acknowledged";
    std::array<Slice, 1> said = {Slice(reinterpret_cast<std::byte*>(room.data()) + kHeadroom, 16)};
    ASSERT_EQ(edge.take(said).status, IoStatus::ok);
    EXPECT_FALSE(edge.was_heard());
    EXPECT_EQ(edge.fill(), IoStatus::eof);
    EXPECT_EQ(edge.finish(), IoStatus::would_block);
    loop.run_for(50ms);
    EXPECT_EQ(lost, distrusted ? 1 : 0);
    EXPECT_EQ(edge.finish(), distrusted ? IoStatus::would_block : IoStatus::ok);
    EXPECT_TRUE(edge.was_heard()) << "its FIN";
    EXPECT_FALSE(edge.was_acknowledged());
  }
}

TEST(ResumableStream, WhatBrokeOffIsTold) {
  ResumePair pair(never);
  pair.server.say("as far as that");
  pair.server.end_saying(End::cut);
  pair.start();
  ASSERT_TRUE(pair.run());
  EXPECT_EQ(pair.user.heard(), "as far as that");
  EXPECT_TRUE(pair.user.told_of_break());
  EXPECT_EQ(pair.client_outcome->far, End::cut);
  EXPECT_EQ(pair.client_outcome->far_close_code, 1011);
}

TEST(ResumableStream, ADismissalIsToldWithItsReason) {
  ResumePair pair(never);
  pair.start();
  pair.run_for(50ms);
  pair.edge.dismiss("access was revoked");
  pair.down->stop();
  ASSERT_TRUE(pair.run());
  EXPECT_EQ(pair.client_outcome->far, End::dismissed);
  EXPECT_EQ(pair.client_outcome->detail, "access was revoked");
  EXPECT_EQ(pair.carriers, 1);
}

// Without a carrier there is no one to tell, and no one is waited for.
TEST(ResumableStream, ADismissalDoesNotWaitForACarrier) {
  ResumePair pair(never);
  pair.client.on_detached({});
  pair.edge.on_detached({});
  pair.start();
  pair.edge.detach();
  pair.edge.dismiss("access was revoked");
  pair.down->stop();
  pair.run_for(1s);
  EXPECT_TRUE(pair.edge_outcome);
  pair.client.give_up(End::silent, "no one came");
  ASSERT_TRUE(pair.run());
  EXPECT_EQ(pair.client_outcome->detail, "no one came");
}

// Ctrl-C, while there is no connection to say so over.
TEST(ResumableStream, AStopDoesNotWaitForACarrier) {
  ResumePair pair(never);
  pair.client.on_detached({});
  pair.edge.on_detached({});
  pair.start();
  pair.run_for(20ms);
  pair.client.detach();
  pair.user.say("not sent");
  pair.run_for(20ms);
  pair.up->stop();
  pair.run_for(1s);
  EXPECT_TRUE(pair.client_outcome);
  pair.edge.give_up(End::cut, "no one came");
  EXPECT_TRUE(pair.run());
}

TEST(ResumableStream, WithoutACarrierLittleIsTakenAndNothingLost) {
  ResumePair pair(never);
  pair.client.on_detached({});
  pair.edge.on_detached({});
  pair.start();
  pair.run_for(20ms);
  pair.client.detach();
  pair.edge.detach();
  const std::string up = pattern(10 * kDetachedBytes, 4);
  pair.user.say(up);
  pair.user.end_saying();
  pair.server.end_saying();
  pair.run_for(50ms);
  EXPECT_LE(pair.user.read_by_us(), 2 * kDetachedBytes);
  EXPECT_EQ(replay_bytes(), kDetachedBytes);
  pair.connect();
  expect_whole(pair, up, "");
}

TEST(ResumableStream, TakesNoNumbersThatCannotBe) {
  ResumePair pair(never);
  pair.start();
  pair.run_for(20ms);
  pair.client.detach();
  auto [near, far] = make_loop_pipe(pair.loop.get_executor(), pair.loop.get_executor());
  EXPECT_FALSE(pair.client.attach(std::move(near), 1)) << "of what was never sent";
}

}  // namespace
}  // namespace cfpipe::tunnel
