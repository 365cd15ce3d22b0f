#include "base/platform/wake_watch.h"

#include <gtest/gtest.h>
#include <sys/timex.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <ctime>

namespace cfpipe {
namespace {

using namespace std::chrono_literals;

/// Moves the clock by a nanosecond, which the kernel announces as it announces a wake-up.
bool announce_the_clock() {
  timex change{};
  change.modes = ADJ_SETOFFSET | ADJ_NANO;
  change.time.tv_usec = 1;  // of ADJ_NANO
  return ::clock_adjtime(CLOCK_REALTIME, &change) >= 0;
}

TEST(WakeWatch, TellsEachTime) {
  boost::asio::io_context io;
  int told = 0;
  WakeWatch watch(io.get_executor(), [&] { ++told; });
  io.run_for(50ms);
  EXPECT_EQ(told, 0);
  for (int times = 1; times <= 3; ++times) {
    if (!announce_the_clock()) GTEST_SKIP() << "this process may not tell the system of its clock";
    for (int i = 0; i < 100 && told < times; ++i) io.run_for(20ms);
    EXPECT_GE(told, times);
    told = times;
  }
}

TEST(WakeWatch, SaysNothingOnceItHasGone) {
  boost::asio::io_context io;
  int told = 0;
  {
    const WakeWatch watch(io.get_executor(), [&] { ++told; });
  }
  (void)announce_the_clock();
  io.run_for(50ms);
  EXPECT_EQ(told, 0);
}

}  // namespace
}  // namespace cfpipe
