#pragma once

#include <chrono>

namespace cfpipe {

/// How long this machine has been suspended since it started: what timers, and steady_clock, do not count.
/// It grows at each wake-up.
std::chrono::milliseconds time_suspended();

}  // namespace cfpipe
