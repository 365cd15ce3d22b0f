#pragma once

#include <algorithm>
#include <chrono>
#include <optional>

namespace cfpipe::transport {

/// Timeouts of an open WebSocket. A ping leaves after `ping_every` without a byte from the peer; without one
/// for `peer_silent`, while we are ready to read, the peer counts as dead (a peer that is not ours, or a
/// client: if its system does not acknowledge what we send either). `close_reply`: how long after our Close
/// its answer may take.
struct WebSocketTimes {
  std::chrono::milliseconds ping_every{20'000};
  std::chrono::milliseconds peer_silent{42'000};
  std::chrono::milliseconds close_reply{5'000};
  /// peer_silent: two unanswered pings, and two seconds for the second one's round trip.
  static WebSocketTimes pinging_every(std::chrono::milliseconds interval) {
    return {interval, 2 * interval + std::chrono::milliseconds(2'000), std::chrono::milliseconds(5'000)};
  }
};

/// TCP's state for a peer while bytes for it wait.
struct TcpSigns {
  unsigned unacknowledged = 0;           ///< segments in flight
  bool window_open = false;              ///< the peer has room for a whole segment
  unsigned probes = 0;                   ///< probes of a closed window without an answer
  std::chrono::milliseconds last_ack{};  ///< since the last acknowledgement
};

/// Time since the peer's system last answered; nothing once it counts as dead.
std::optional<std::chrono::milliseconds> last_sign(const TcpSigns& signs);

/// Keepalive of a WebSocket by the rules of WebSocketTimes: when to ping the peer, and when its silence means
/// that it is dead. It has neither clock nor timer: its owner reports events and checks again at ping_due()
/// and dead_at().
class PeerWatch {
 public:
  using Time = std::chrono::steady_clock::time_point;
  PeerWatch(const WebSocketTimes& times, Time now) : times_(times), heard_(now) {}

  /// Bytes came.
  void heard(Time now) { heard_ = now; }
  /// A ping has left.
  void pinged(Time now);
  /// A ping has left that is to be answered within `limit`.
  void checked(Time now, std::chrono::milliseconds limit);
  /// A reader waits. Silence counts only then: under back-pressure there is no reader, and the peer's state
  /// is unknown.
  void reading(Time now) { reading_since_ = now; }
  /// Excuses silence until then: our bytes did not move, so a ping is queued behind them and its missing
  /// answer means nothing.
  void excused(Time until);

  Time reading_since() const { return reading_since_; }
  Time ping_due() const { return std::max(heard_, pinged_) + times_.ping_every; }
  /// When the peer counts as dead if no byte arrives; never without a ping whose time has passed, since a
  /// stopped process or sleeping machine has sent none.
  Time dead_at() const;

 private:
  const WebSocketTimes times_;
  Time heard_;
  Time reading_since_{};
  Time pinged_{};
  Time asked_{};  // of the first ping since heard_, if there was one
  Time checked_{};
  std::chrono::milliseconds check_limit_{};  // of the ping at checked_
};

}  // namespace cfpipe::transport
