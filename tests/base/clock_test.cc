#include "base/clock.h"

#include <gtest/gtest.h>

namespace cfpipe {
namespace {

constexpr std::int64_t kTime = 784'111'777;  // the example of RFC 9110 5.6.7
constexpr const char* kDate = "Sun, 06 Nov 1994 08:49:37 GMT";

TEST(Clock, DatesOfHttpAreRead) {
  EXPECT_EQ(parse_http_date(kDate), kTime);
  for (const char* bad : {"", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 GMTx", "1994-11-06",
                          "Sun, 36 Nov 1994 08:49:37 GMT", "784111777"})
    EXPECT_FALSE(parse_http_date(bad)) << bad;
}

TEST(Clock, ADifferenceCountsFromAMinuteOn) {
  EXPECT_EQ(clock_offset(kDate, kTime), 0);
  EXPECT_EQ(clock_offset(kDate, kTime - 59), 0);
  EXPECT_EQ(clock_offset(kDate, kTime + 59), 0);
  EXPECT_EQ(clock_offset(kDate, kTime - 60), 60);
  EXPECT_EQ(clock_offset(kDate, kTime + 3600), -3600);
  EXPECT_EQ(clock_offset("yesterday", kTime + 3600), 0);
  EXPECT_EQ(clock_offset("", 0), 0);
}

TEST(Clock, DifferencesAreSpoken) {
  EXPECT_EQ(spoken_offset(605), "10 min 5 s behind the edge's");
  EXPECT_EQ(spoken_offset(-605), "10 min 5 s ahead of the edge's");
  EXPECT_EQ(spoken_offset(-93'660), "26 h 1 min ahead of the edge's");
  EXPECT_EQ(spoken_offset(864'000), "10 days behind the edge's");
}

}  // namespace
}  // namespace cfpipe
