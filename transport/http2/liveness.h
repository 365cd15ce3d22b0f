#pragma once

#include <chrono>
#include <cstddef>
#include <optional>

namespace cfpipe::transport {

/// Timeouts of an open connection: it sends a PING after `ping` without a byte from the peer, ends after
/// `dead` without one, and after `idle` without streams. A client's `idle` is shorter than a server's.
struct H2Times {
  std::chrono::milliseconds ping{20'000};
  std::chrono::milliseconds dead{42'000};
  std::chrono::milliseconds idle{90'000};
};
inline constexpr std::chrono::milliseconds kH2ServerIdle{100'000};

/// By H2Times, when a connection has to ask its peer for a sign of life, and when it is over. It has neither
/// clock nor timer: its owner reports events, and calls step() when it is due().
class H2Liveness {
 public:
  using Time = std::chrono::steady_clock::time_point;
  enum class Step {
    wait,
    ping,        ///< a PING has to leave
    idle,        ///< over: it has had no streams for too long
    unanswered,  ///< over: a probe had no answer
    silent,      ///< over: the peer gave no sign of life
  };
  H2Liveness(const H2Times& times, Time now) : times_(times), last_received_(now), idle_since_(now) {}

  /// Bytes came.
  void received(Time now);
  /// The last stream has gone.
  void emptied(Time now) { idle_since_ = now; }
  /// A PING leaves now, which has to be answered within `timeout`. False: one waits that is due sooner.
  bool probe(Time now, std::chrono::milliseconds timeout);
  bool probing() const { return probe_until_ != Time{}; }

  Time due(std::size_t streams) const;
  /// `backed_up`: as Channel has it. A PING stands in line behind bytes that wait, so a missing answer says
  /// nothing; that of a probe, where the peer's system has acknowledged something since.
  Step step(Time now, std::size_t streams, std::optional<std::chrono::milliseconds> backed_up);

 private:
  const H2Times times_;
  Time last_received_;
  Time idle_since_;
  Time probe_until_{};  ///< zero: none is running
  Time probed_at_{};
  Time pinged_at_{};
  bool pinged_ = false;
};

}  // namespace cfpipe::transport
