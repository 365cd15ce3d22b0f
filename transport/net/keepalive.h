#pragma once

#include <algorithm>
#include <chrono>
#include <optional>

namespace cfpipe::transport {

/// Times of a standing WebSocket. A ping leaves after `ping_every` without a byte from the peer; without one
/// for `peer_silent`, while we are ready to read, the peer counts as dead (a peer that is not ours, or a
/// client: if its system does not acknowledge what we send either). `close_reply`: how long after our Close
/// its answer may take.
struct WebSocketTimes {
  std::chrono::milliseconds ping_every{20'000};
  std::chrono::milliseconds peer_silent{42'000};
  std::chrono::milliseconds close_reply{5'000};
  /// Two pings that are not answered, and a little for the second one's way.
  static WebSocketTimes pinging_every(std::chrono::milliseconds interval) {
    return {interval, 2 * interval + std::chrono::milliseconds(2'000), std::chrono::milliseconds(5'000)};
  }
};

/// What TCP knows of a peer that bytes of ours wait for.
struct TcpSigns {
  unsigned unacknowledged = 0;           ///< segments under way
  unsigned probes = 0;                   ///< probes of a closed window without an answer
  std::chrono::milliseconds last_ack{};  ///< since the last acknowledgement
};

/// How long ago the peer's system last showed that it is there; nothing once it counts as gone.
std::optional<std::chrono::milliseconds> last_sign(const TcpSigns& signs);

/// When a WebSocket's peer is asked whether it is there, and when its silence means that it is not: the rules
/// of WebSocketTimes. It has neither a clock nor a timer, and is told whatever happens; its owner looks again
/// at ping_due() and dead_at().
class PeerWatch {
 public:
  using Time = std::chrono::steady_clock::time_point;
  PeerWatch(const WebSocketTimes& times, Time now) : times_(times), heard_(now) {}

  /// Bytes came.
  void heard(Time now) { heard_ = now; }
  /// A ping has left.
  void pinged(Time now);
  /// Somebody waits to read. Silence counts only then: under back-pressure nobody looks, and nothing is known
  /// of the peer.
  void reading(Time now) { reading_since_ = now; }
  /// Until then nothing of ours has moved: a ping stands in line behind it, so a missing answer says nothing
  /// either, and a system that takes data is a sign of life.
  void excused(Time until);

  Time reading_since() const { return reading_since_; }
  Time ping_due() const { return std::max(heard_, pinged_) + times_.ping_every; }
  /// From when on the peer counts as dead, if nothing comes; never without a ping that has had its time, for
  /// a process that was stopped, or a machine that slept, has asked nothing meanwhile.
  Time dead_at() const;

 private:
  const WebSocketTimes times_;
  Time heard_;
  Time reading_since_{};
  Time pinged_{};
  Time asked_{};  // of the first ping since heard_, if there was one
};

}  // namespace cfpipe::transport
