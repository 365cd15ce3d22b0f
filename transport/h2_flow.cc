#include "transport/h2_flow.h"

#include <algorithm>

namespace cfpipe::transport {

void H2Patience::refill(std::chrono::steady_clock::time_point now) {
  if (last_ == std::chrono::steady_clock::time_point{}) last_ = now;
  const std::chrono::duration<double> passed = now - last_;
  last_ = now;
  earn(passed.count() * kH2NuisancePerSecond);
}

void H2Patience::earn(double frames) {
  if (!lost()) left_ = std::min(kH2NuisanceBurst, left_ + frames);
}

bool H2Probe::received(std::size_t bytes, std::size_t window) {
  if (running_) return false;
  since_ += bytes;
  if (since_ < rests_ * (window / 2)) return false;
  running_ = true;
  return true;
}

void H2Probe::answered(bool grew) {
  running_ = false;
  since_ = 0;
  rests_ = grew ? 1 : std::min(2 * rests_, kMostRests);
}

}  // namespace cfpipe::transport
