#include "connector/link/backoff.h"

#include <algorithm>
#include <utility>

namespace cfpipe::connector {

Backoff::Backoff(std::function<double()> random) : random_(std::move(random)) {}

std::chrono::milliseconds Backoff::next(Time now, bool asked) {
  if (pause_.count() == 0) since_ = now;
  const auto most = asked || now - since_ >= kLongOutage ? kLongestPauseLater : kLongestPause;
  pause_ = pause_.count() == 0 ? kFirstPause : std::min(2 * pause_, most);
  return shortened(pause_);
}

std::chrono::milliseconds Backoff::after_drain(Time now) {
  if (drains_ >= kFreeDrains) return next(now);
  ++drains_;
  return shortened(kFirstPause);
}

std::chrono::milliseconds Backoff::shortened(std::chrono::milliseconds pause) {
  const auto half = std::chrono::duration<double, std::milli>(pause) / 2;
  return std::chrono::duration_cast<std::chrono::milliseconds>(half + half * std::clamp(random_(), 0.0, 1.0));
}

void Backoff::reset() {
  pause_ = std::chrono::milliseconds(0);
  drains_ = 0;
}

}  // namespace cfpipe::connector
