#include "transport/http2/liveness.h"

#include <gtest/gtest.h>

namespace cfpipe::transport {
namespace {

using namespace std::chrono_literals;
using LivenessStep = H2Liveness::Step;

constexpr std::size_t kOne = 1;

class H2LivenessTest : public ::testing::Test {
 protected:
  LivenessStep step(std::chrono::milliseconds at, std::size_t streams = kOne,
                    std::optional<std::chrono::milliseconds> backed_up = std::nullopt) {
    return liveness.step(start + at, streams, backed_up);
  }
  std::chrono::milliseconds due(std::size_t streams = kOne) const {
    return std::chrono::duration_cast<std::chrono::milliseconds>(liveness.due(streams) - start);
  }
  const H2Liveness::Time start{1h};
  H2Liveness liveness{H2Times{20s, 42s, 90s}, start};
};

TEST_F(H2LivenessTest, APeerIsPingedAfterSilenceAndIsGoneWithoutAnAnswer) {
  EXPECT_EQ(due(), 20s);
  EXPECT_EQ(step(19'999ms), LivenessStep::wait);
  EXPECT_EQ(step(20s), LivenessStep::ping);
  EXPECT_EQ(due(), 42s);
  EXPECT_EQ(step(41'999ms), LivenessStep::wait);
  EXPECT_EQ(step(42s), LivenessStep::silent);
}

TEST_F(H2LivenessTest, AnyByteIsASignOfLife) {
  EXPECT_EQ(step(20s), LivenessStep::ping);
  liveness.received(start + 41s);
  EXPECT_EQ(due(), 61s);
  EXPECT_EQ(step(42s), LivenessStep::wait);
  EXPECT_EQ(step(61s), LivenessStep::ping);
}

TEST_F(H2LivenessTest, SilenceIsExcusedWhileOurBytesWaitForThePeersSystem) {
  EXPECT_EQ(step(20s), LivenessStep::ping);
  EXPECT_EQ(step(42s, kOne, 0ms), LivenessStep::wait);
  EXPECT_EQ(due(), 64s);
  EXPECT_EQ(step(64s), LivenessStep::silent);
}

TEST_F(H2LivenessTest, AConnectionWithoutStreamsIsOverAfterItsTime) {
  liveness.emptied(start + 5s);
  for (const auto at : {20s, 40s, 60s, 80s, 94s}) {
    liveness.received(start + at);
    EXPECT_EQ(step(at, 0), LivenessStep::wait);
  }
  EXPECT_EQ(due(0), 95s);
  EXPECT_EQ(due(kOne), 114s) << "one with a stream is not idle";
  EXPECT_EQ(step(95s, kOne), LivenessStep::wait);
  EXPECT_EQ(step(95s, 0), LivenessStep::idle);
}

TEST_F(H2LivenessTest, AProbeHasToBeAnsweredInItsTime) {
  EXPECT_TRUE(liveness.probe(start + 1s, 2s));
  EXPECT_TRUE(liveness.probing());
  EXPECT_EQ(due(), 3s);
  EXPECT_EQ(step(2'999ms), LivenessStep::wait);
  EXPECT_EQ(step(3s), LivenessStep::unanswered);
}

TEST_F(H2LivenessTest, AProbeThatWaitsIsNotSentAgain) {
  EXPECT_TRUE(liveness.probe(start + 1s, 2s));
  EXPECT_FALSE(liveness.probe(start + 2s, 2s));
  EXPECT_EQ(due(), 3s);
  liveness.received(start + 2s);
  EXPECT_TRUE(liveness.probe(start + 2s, 2s));
  EXPECT_EQ(due(), 4s);
}

TEST_F(H2LivenessTest, AnAnsweredProbeIsOver) {
  EXPECT_TRUE(liveness.probe(start + 1s, 2s));
  liveness.received(start + 2s);
  EXPECT_EQ(step(3s), LivenessStep::wait);
  EXPECT_FALSE(liveness.probing());
}

TEST_F(H2LivenessTest, AProbeMayStandInLineBehindBytesThatThePeersSystemTakes) {
  EXPECT_TRUE(liveness.probe(start + 1s, 2s));
  EXPECT_EQ(step(3s, kOne, 1'999ms), LivenessStep::wait);
  EXPECT_TRUE(liveness.probe(start + 4s, 2s));
  EXPECT_EQ(step(6s, kOne, 2'000ms), LivenessStep::unanswered) << "it took the last of them before";
}

TEST_F(H2LivenessTest, AProbeThatIsDueSoonerTakesTheOthersPlace) {
  EXPECT_TRUE(liveness.probe(start + 1s, 3s));
  EXPECT_TRUE(liveness.probe(start + 2s, 1s));
  EXPECT_EQ(due(), 3s);
  EXPECT_EQ(step(3s), LivenessStep::unanswered);
}

}  // namespace
}  // namespace cfpipe::transport
