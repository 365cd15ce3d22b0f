#include "transport/http2/flow_control.h"

#include <algorithm>
#include <atomic>
#include <limits>

namespace cfpipe::transport {
namespace {

std::atomic<std::size_t> window_limit{std::numeric_limits<std::size_t>::max()};
std::atomic<std::size_t> windows{0};

}  // namespace

void limit_windows(std::size_t bytes) {
  window_limit.store(bytes, std::memory_order_relaxed);
}

bool take_window(std::size_t bytes) {
  const auto limit = window_limit.load(std::memory_order_relaxed);
  if (windows.fetch_add(bytes, std::memory_order_relaxed) + bytes <= limit) return true;
  give_back_window(bytes);
  return false;
}

void give_back_window(std::size_t bytes) {
  windows.fetch_sub(bytes, std::memory_order_relaxed);
}

void H2NuisanceBudget::refill(std::chrono::steady_clock::time_point now) {
  if (last_ == std::chrono::steady_clock::time_point{}) last_ = now;
  const std::chrono::duration<double> passed = now - last_;
  last_ = now;
  earn(passed.count() * clients_ * kH2NuisancePerSecond);
}

void H2NuisanceBudget::earn(double frames) {
  if (!lost()) left_ = std::min(clients_ * kH2NuisanceBurst, left_ + frames);
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
