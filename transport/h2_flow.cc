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

bool H2Probe::received(std::size_t bytes, std::size_t window, Time now) {
  if (running_) return false;
  since_ += bytes;
  const bool rested = since_ >= rests_ * (window / 2) || now - ended_ >= kMostRest;
  if (since_ < window / 2 || !rested) return false;
  running_ = true;
  return true;
}

void H2Probe::answered(bool grew, Time now) {
  running_ = false;
  since_ = 0;
  ended_ = now;
  rests_ = grew ? 1 : std::min(2 * rests_, kMostRests);
}

}  // namespace cfpipe::transport
