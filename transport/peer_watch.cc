#include "transport/peer_watch.h"

namespace cfpipe::transport {

void PeerWatch::pinged(Time now) {
  pinged_ = now;
  if (asked_ <= heard_) asked_ = now;
}

void PeerWatch::excused(Time until) {
  reading_since_ = std::max(reading_since_, until);
  if (asked_ > heard_) asked_ = std::max(asked_, until);
}

PeerWatch::Time PeerWatch::dead_at() const {
  if (asked_ <= heard_) return Time::max();
  return std::max(reading_since_ + times_.peer_silent, asked_ + times_.peer_silent - times_.ping_every);
}

}  // namespace cfpipe::transport
