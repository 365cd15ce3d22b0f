#include "edge/limits/attempts.h"

#include <algorithm>

namespace cfpipe::edge {
namespace {

/// What an attempt costs, so that a minute gives back whole numbers every second.
constexpr std::int64_t kAttempt = 60;
/// A bucket is full again after that, in seconds; it also keeps sums small.
constexpr std::int64_t kLongest = std::int64_t{7} * 24 * 3600;

}  // namespace

std::int64_t Bucket::wait(const Rate& rate, std::int64_t now) {
  if (rate.per_minute == 0) return 0;
  const std::int64_t passed = std::clamp<std::int64_t>(now - at_, 0, kLongest);
  spent_ = std::max<std::int64_t>(spent_ - passed * rate.per_minute, 0);
  at_ = now;
  const std::int64_t over = spent_ + kAttempt - rate.most * kAttempt;
  return over > 0 ? (over + rate.per_minute - 1) / rate.per_minute : 0;
}

void Bucket::spend() {
  spent_ += kAttempt;
}

void Attempts::set_limit(std::size_t per_minute) {
  rate_.most = rate_.per_minute = static_cast<std::int64_t>(per_minute);
}

std::int64_t Attempts::wait(const PartyKey& party, std::int64_t now) {
  if (rate_.per_minute == 0) return 0;
  return buckets_.touch(party, [](const Bucket&) {}).wait(rate_, now);
}

std::int64_t Attempts::take(const PartyKey& party, std::int64_t now) {
  if (rate_.per_minute == 0) return 0;
  Bucket& bucket = buckets_.touch(party, [](const Bucket&) {});
  const std::int64_t wait = bucket.wait(rate_, now);
  if (wait == 0) bucket.spend();
  return wait;
}

}  // namespace cfpipe::edge
