#include "transport/net/keepalive.h"

namespace cfpipe::transport {
namespace {

/// From when on a peer's system counts as gone: unanswered window probes, and the time without an
/// acknowledgement while something is under way.
constexpr unsigned kDeadProbes = 3;
constexpr std::chrono::milliseconds kAckSilent{20'000};

}  // namespace

// Behind a closed window nothing is under way, and the system probes ever more rarely; an unanswered probe
// counts up. Behind an open one nothing is under way where this machine has no route or address for it.
std::optional<std::chrono::milliseconds> last_sign(const TcpSigns& signs) {
  const bool full = signs.unacknowledged == 0 && !signs.window_open;
  if (full && signs.probes < kDeadProbes) return std::chrono::milliseconds(0);
  if (signs.last_ack >= kAckSilent) return std::nullopt;
  return signs.last_ack;
}

void PeerWatch::pinged(Time now) {
  pinged_ = now;
  if (asked_ <= heard_) asked_ = now;
}

void PeerWatch::checked(Time now, std::chrono::milliseconds limit) {
  pinged(now);
  if (checked_ > heard_ && checked_ + check_limit_ < now + limit) return;  // one that is due sooner
  checked_ = now;
  check_limit_ = limit;
}

void PeerWatch::excused(Time until) {
  reading_since_ = std::max(reading_since_, until);
  if (asked_ > heard_) asked_ = std::max(asked_, until);
}

PeerWatch::Time PeerWatch::dead_at() const {
  if (asked_ <= heard_) return Time::max();
  const auto usual =
      std::max(reading_since_ + times_.peer_silent, asked_ + times_.peer_silent - times_.ping_every);
  if (checked_ <= heard_) return usual;
  return std::min(usual, std::max(reading_since_, checked_) + check_limit_);
}

}  // namespace cfpipe::transport
