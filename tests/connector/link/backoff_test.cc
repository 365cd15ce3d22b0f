#include "connector/link/backoff.h"

#include <gtest/gtest.h>

namespace cfpipe::connector {
namespace {

using std::chrono::milliseconds;
using Time = Backoff::Time;

TEST(Backoff, DoublesUpToItsBound) {
  Backoff backoff([] { return 1.0; });
  const Time now{};
  for (const int expected : {250, 500, 1000, 2000, 2500, 2500})
    EXPECT_EQ(backoff.next(now), milliseconds(expected));
}

TEST(Backoff, LeavesARandomPartOut) {
  Backoff least([] { return 0.0; });
  EXPECT_EQ(least.next(Time{}), milliseconds(125));
  Backoff middle([] { return 0.5; });
  EXPECT_EQ(middle.next(Time{}), milliseconds(187));
  Backoff wrong([] { return 7.0; });
  EXPECT_EQ(wrong.next(Time{}), milliseconds(250));
}

// An edge that is back after a minute is dialled within 2.5 s, whatever the chance.
TEST(Backoff, OfAnOutageOfAMinuteIsShort) {
  Backoff backoff([] { return 1.0; });
  Time now{};
  while (now - Time{} < std::chrono::minutes(1)) now += backoff.next(now);
  EXPECT_LE(backoff.next(now), milliseconds(2500));
}

TEST(Backoff, OfALongOutageGrowsToAQuarterOfAMinute) {
  Backoff backoff([] { return 1.0; });
  Time now{};
  while (now - Time{} < std::chrono::minutes(10)) now += backoff.next(now);
  EXPECT_EQ(backoff.next(now), milliseconds(15'000));
}

TEST(Backoff, GrowsAtOnceWhereTheEdgeAsksForFewerRequests) {
  Backoff backoff([] { return 1.0; });
  for (int i = 0; i < 8; ++i) backoff.next(Time{}, true);
  EXPECT_EQ(backoff.next(Time{}, true), milliseconds(15'000));
}

TEST(Backoff, BeginsAgainAfterASuccess) {
  Backoff backoff([] { return 1.0; });
  for (int i = 0; i < 5; ++i) backoff.next(Time{});
  backoff.reset();
  EXPECT_EQ(backoff.next(Time{} + std::chrono::hours(1)), milliseconds(250));
  EXPECT_EQ(backoff.next(Time{} + std::chrono::hours(1)), milliseconds(500));
}

// Restarts of the edge one after the other; beyond, it is an edge that takes connections and drains them.
TEST(Backoff, DoesNotGrowByAFewDrains) {
  Backoff backoff([] { return 1.0; });
  backoff.next(Time{});
  for (unsigned i = 0; i < kFreeDrains; ++i) EXPECT_EQ(backoff.after_drain(Time{}), milliseconds(250));
  EXPECT_EQ(backoff.after_drain(Time{}), milliseconds(500));
  EXPECT_EQ(backoff.after_drain(Time{}), milliseconds(1000));
  backoff.reset();
  for (unsigned i = 0; i < kFreeDrains; ++i) EXPECT_EQ(backoff.after_drain(Time{}), milliseconds(250));
  EXPECT_EQ(backoff.next(Time{}), milliseconds(250));
}

TEST(Backoff, LeavesARandomPartOutAfterADrain) {
  Backoff least([] { return 0.0; });
  EXPECT_EQ(least.after_drain(Time{}), milliseconds(125));
}

}  // namespace
}  // namespace cfpipe::connector
