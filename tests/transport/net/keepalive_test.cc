#include "transport/net/keepalive.h"

#include <gtest/gtest.h>

namespace cfpipe::transport {
namespace {
using namespace std::chrono_literals;

constexpr WebSocketTimes kTimes{20s, 42s, 5s};
const PeerWatch::Time kStart{1000s};

TEST(PeerWatch, AsksAgainAsLongAsNothingComes) {
  PeerWatch watch(kTimes, kStart);
  EXPECT_EQ(watch.ping_due(), kStart + 20s);
  watch.pinged(kStart + 20s);
  EXPECT_EQ(watch.ping_due(), kStart + 40s);
  watch.heard(kStart + 30s);
  EXPECT_EQ(watch.ping_due(), kStart + 50s);
}

TEST(PeerWatch, CountsSilenceFromTheFirstPingThatHadNoAnswer) {
  PeerWatch watch(kTimes, kStart);
  watch.reading(kStart);
  EXPECT_EQ(watch.dead_at(), PeerWatch::Time::max()) << "nothing has been asked";
  watch.pinged(kStart + 20s);
  watch.pinged(kStart + 40s);
  EXPECT_EQ(watch.dead_at(), kStart + 42s);
  watch.heard(kStart + 41s);
  EXPECT_EQ(watch.dead_at(), PeerWatch::Time::max());
}

TEST(PeerWatch, LetsAPingHaveItsTimeBehindALongSleep) {
  PeerWatch watch(kTimes, kStart);
  watch.reading(kStart);
  watch.pinged(kStart + 3600s);
  EXPECT_EQ(watch.dead_at(), kStart + 3600s + 22s);
}

TEST(PeerWatch, ACheckHasATimeOfItsOwn) {
  PeerWatch watch(kTimes, kStart);
  watch.reading(kStart);
  watch.checked(kStart + 3s, 2s);
  EXPECT_EQ(watch.dead_at(), kStart + 5s);
  watch.checked(kStart + 4s, 5s);
  EXPECT_EQ(watch.dead_at(), kStart + 5s) << "one that ends later takes nothing back";
  watch.excused(kStart + 2s);
  EXPECT_EQ(watch.dead_at(), kStart + 5s) << "what was acknowledged before it does not count";
  watch.excused(kStart + 4s);
  EXPECT_EQ(watch.dead_at(), kStart + 6s);
  watch.heard(kStart + 5s);
  EXPECT_EQ(watch.dead_at(), PeerWatch::Time::max());
  watch.checked(kStart + 10s, 1s);
  EXPECT_EQ(watch.dead_at(), kStart + 11s);
}

TEST(PeerWatch, DoesNotCountSilenceWithoutAReader) {
  PeerWatch watch(kTimes, kStart);
  watch.reading(kStart);
  watch.pinged(kStart + 20s);
  watch.reading(kStart + 100s);
  EXPECT_EQ(watch.dead_at(), kStart + 142s);
}

TEST(PeerWatch, ExcusesAPeerThatIsSlowToTakeWhatStandsBeforeThePing) {
  PeerWatch watch(kTimes, kStart);
  watch.reading(kStart);
  watch.excused(kStart + 10s);
  EXPECT_EQ(watch.dead_at(), PeerWatch::Time::max()) << "an excuse asks nothing";
  watch.pinged(kStart + 20s);
  watch.excused(kStart + 60s);
  EXPECT_EQ(watch.dead_at(), kStart + 102s);
  watch.excused(kStart + 50s);
  EXPECT_EQ(watch.dead_at(), kStart + 102s) << "an earlier one takes nothing back";
}

TEST(LastSign, IsNowBehindAClosedWindowWhoseProbesAreAnswered) {
  for (const unsigned probes : {0U, 1U, 2U}) EXPECT_EQ(last_sign({0, false, probes, 1h}), 0ms) << probes;
}

TEST(LastSign, IsTheLastAcknowledgementOnceProbesStayUnanswered) {
  EXPECT_EQ(last_sign({0, false, 3, 5s}), 5s);
  EXPECT_EQ(last_sign({0, false, 3, 19'999ms}), 19'999ms);
  EXPECT_EQ(last_sign({0, false, 3, 20s}), std::nullopt);
  EXPECT_EQ(last_sign({0, false, 9, 1h}), std::nullopt);
}

TEST(LastSign, IsTheLastAcknowledgementWhereAnOpenWindowGetsNothing) {
  EXPECT_EQ(last_sign({0, true, 0, 5s}), 5s);
  EXPECT_EQ(last_sign({0, true, 1, 20s}), std::nullopt);
}

TEST(LastSign, IsTheLastAcknowledgementWhileSegmentsAreUnderWay) {
  EXPECT_EQ(last_sign({1, false, 0, 0ms}), 0ms);
  EXPECT_EQ(last_sign({1, false, 0, 19'999ms}), 19'999ms);
  EXPECT_EQ(last_sign({1, false, 0, 20s}), std::nullopt);
  EXPECT_EQ(last_sign({7, false, 3, 20s}), std::nullopt);
}

}  // namespace
}  // namespace cfpipe::transport
