#include "base/platform/suspend_time.h"

#include <ctime>

namespace cfpipe {
namespace {

std::chrono::nanoseconds time_of(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

}  // namespace

std::chrono::milliseconds time_suspended() {
  const auto running = time_of(CLOCK_MONOTONIC);
  return std::chrono::duration_cast<std::chrono::milliseconds>(time_of(CLOCK_BOOTTIME) - running);
}

}  // namespace cfpipe
