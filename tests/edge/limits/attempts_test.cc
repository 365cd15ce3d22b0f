#include "edge/limits/attempts.h"

#include <gtest/gtest.h>

namespace cfpipe::edge {
namespace {

TEST(AttemptsTest, AreAskedAboutWithoutTakingOne) {
  Attempts attempts(2);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(attempts.wait("a", 1000), 0);
  EXPECT_EQ(attempts.take("a", 1000), 0);
  EXPECT_EQ(attempts.take("a", 1000), 0);
  EXPECT_EQ(attempts.wait("a", 1000), 30);
  EXPECT_EQ(attempts.take("a", 1000), 30);
  EXPECT_EQ(attempts.wait("b", 1000), 0);
  EXPECT_EQ(attempts.wait("a", 1030), 0);
}

TEST(AttemptsTest, WithoutALimitNeverWait) {
  Attempts attempts(0);
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(attempts.take("a", 1000), 0);
    EXPECT_EQ(attempts.wait("a", 1000), 0);
  }
  EXPECT_EQ(attempts.size(), 0U);
}

}  // namespace
}  // namespace cfpipe::edge
