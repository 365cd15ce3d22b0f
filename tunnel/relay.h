#pragma once

#include <array>
#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "tunnel/stream.h"

namespace cfpipe::tunnel {

/// After one side has ended and the other cannot half-close: how long its silence may last before the tunnel
/// is taken down. Bytes that still arrive start it anew.
inline constexpr std::chrono::milliseconds kDrainSilence{2'000};
/// How long the last words (a Close frame, what is still held) may take once nothing else moves: a peer that
/// does not read must not keep the tunnel.
inline constexpr std::chrono::milliseconds kFinishLimit{5'000};

/// What one direction moves, besides one fill, before whatever else the loop serves has its turn, in bytes: a
/// key press in another tunnel waits behind no more than this, a third of a millisecond of encryption.
inline constexpr std::size_t kTurnBytes = 256 * 1024;

/// The relay's patience; tests shorten it.
struct RelayTimes {
  std::chrono::milliseconds drain_silence = kDrainSilence;
  std::chrono::milliseconds finish_limit = kFinishLimit;
};

/// What a finished tunnel did. `near` and `far` are the two streams in the order given.
struct Outcome {
  std::uint64_t near_to_far = 0;  ///< bytes
  std::uint64_t far_to_near = 0;  ///< bytes
  End near = End::open;
  End far = End::open;
  std::uint16_t far_close_code = 0;  ///< Stream::peer_close_code() of `far`
  bool near_broke_off = false;       ///< reading `near` failed while its peer was there: bytes are missing
  std::string detail;                ///< of the side that failed, printable
};

/// Bytes that have moved so far: near to far, and far to near. Written by one thread, which alone adds to
/// them, read by any.
struct Counters {
  std::array<std::atomic<std::uint64_t>, 2> bytes{};
  void add(std::size_t direction, std::uint64_t more) {
    auto& count = bytes[direction];
    count.store(count.load(std::memory_order_relaxed) + more, std::memory_order_relaxed);
  }
  std::uint64_t get(std::size_t direction) const { return bytes[direction].load(std::memory_order_relaxed); }
};

/// Pumps both directions until both have ended, or one has failed. Back-pressure: a direction is only read
/// while its sink takes. Memory is bounded by the streams' own buffers. Closes both streams. `stop()` ends it
/// from outside.
class Relay {
 public:
  Relay(boost::asio::any_io_executor executor, Stream& near, Stream& far, RelayTimes times = {});
  ~Relay();
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  boost::asio::awaitable<Outcome> run();
  void stop();
  /// Nobody is at the near stream any more. What comes for it is dropped; what it has said still leaves, for
  /// as long as that moves: drain_silence and finish_limit bound it where it does not.
  void abandon_near();
  /// Bytes so far, for metrics.
  std::uint64_t near_to_far() const;
  std::uint64_t far_to_near() const;
  /// The same for other threads, also once the relay has gone.
  std::shared_ptr<const Counters> counters() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace cfpipe::tunnel
