#pragma once

#include <array>
#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "tunnel/stream.h"

namespace cfpipe::tunnel {

/// Timeout for silence of the other side after one side has ended that cannot half-close. The relay then ends
/// the tunnel. Each byte restarts it.
inline constexpr std::chrono::milliseconds kDrainSilence{2'000};
/// Timeout for sending the end (a Close frame and bytes still held) once nothing else moves, so that a peer
/// that does not read cannot keep the tunnel open.
inline constexpr std::chrono::milliseconds kFinishLimit{5'000};

/// Bytes that one direction moves, besides one fill, before the event loop serves others: a key press in
/// another tunnel waits for a third of a millisecond of encryption at most.
inline constexpr std::size_t kTurnBytes = 256 * 1024;

/// The relay's timeouts; tests shorten them.
struct RelayTimes {
  std::chrono::milliseconds drain_silence = kDrainSilence;
  std::chrono::milliseconds finish_limit = kFinishLimit;
};

/// Result of a finished tunnel. `near` and `far` are the two streams in the order given.
struct Outcome {
  std::uint64_t near_to_far = 0;  ///< bytes
  std::uint64_t far_to_near = 0;  ///< bytes
  End near = End::open;
  End far = End::open;
  std::uint16_t far_close_code = 0;  ///< Stream::peer_close_code() of `far`
  bool near_broke_off = false;       ///< reading `near` failed before its EOF: bytes are missing
  std::string detail;                ///< of the side that failed, printable
};

/// Bytes moved so far: near to far, and far to near. One thread writes, any may read.
struct Counters {
  std::array<std::atomic<std::uint64_t>, 2> bytes{};
  void add(std::size_t direction, std::uint64_t more) {
    auto& count = bytes[direction];
    count.store(count.load(std::memory_order_relaxed) + more, std::memory_order_relaxed);
  }
  std::uint64_t get(std::size_t direction) const { return bytes[direction].load(std::memory_order_relaxed); }
};

/// Moves bytes in both directions until both have ended or one has failed, then closes both streams.
/// Back-pressure: a source is read only while its sink accepts bytes. Memory is bounded by the streams' own
/// buffers.
class Relay {
 public:
  Relay(boost::asio::any_io_executor executor, Stream& near, Stream& far, RelayTimes times = {});
  ~Relay();
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  /// Receives the result, once, from the executor and never from inside another call.
  using Done = std::function<void(const Outcome&)>;
  /// Begins to move bytes. The destructor drops `done`.
  void start(Done done);
  /// The same for a coroutine.
  boost::asio::awaitable<Outcome> run();
  /// Ends the tunnel early.
  void stop();
  /// The near stream's peer is gone. Bytes for it are dropped; bytes from it still leave, until drain_silence
  /// or finish_limit has passed without progress.
  void abandon_near();
  /// Bytes moved so far, for metrics.
  std::uint64_t near_to_far() const;
  std::uint64_t far_to_near() const;
  /// The same for other threads; also valid after the relay is destroyed.
  std::shared_ptr<const Counters> counters() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace cfpipe::tunnel
