#include "transport/http2/liveness.h"

#include <algorithm>

namespace cfpipe::transport {

void H2Liveness::received(Time now) {
  last_received_ = now;
  pinged_ = false;
}

bool H2Liveness::probe(Time now, std::chrono::milliseconds timeout) {
  const bool unanswered = probing() && last_received_ < probed_at_;
  if (unanswered && probe_until_ <= now + timeout) return false;
  probe_until_ = now + timeout;
  probed_at_ = now;
  return true;
}

H2Liveness::Time H2Liveness::due(std::size_t streams) const {
  auto due = pinged_ ? pinged_at_ + (times_.dead - times_.ping) : last_received_ + times_.ping;
  if (streams == 0) due = std::min(due, idle_since_ + times_.idle);
  if (probing()) due = std::min(due, probe_until_);
  return due;
}

H2Liveness::Step H2Liveness::step(Time now, std::size_t streams,
                                  std::optional<std::chrono::milliseconds> backed_up) {
  if (streams == 0 && now - idle_since_ >= times_.idle) return Step::idle;
  // The timer is also that of the PINGs, and may come before the answer's time is up.
  if (probing() && now >= probe_until_) {
    probe_until_ = {};
    const bool in_line = backed_up && now - *backed_up > probed_at_;
    if (last_received_ < probed_at_ && !in_line) return Step::unanswered;
  }
  if (pinged_ && now - pinged_at_ >= times_.dead - times_.ping) {
    if (!backed_up) return Step::silent;
    pinged_at_ = now;
  } else if (!pinged_ && now - last_received_ >= times_.ping) {
    pinged_ = true;
    pinged_at_ = now;
    return Step::ping;
  }
  return Step::wait;
}

}  // namespace cfpipe::transport
