#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace cfpipe::transport {

/// What a peer may send ahead of its reader, in bytes. A stream starts with the first and grows, as long as
/// the path is seen to carry more than its window, to the largest: 1 Gbit/s at 100 ms are 12.5 MB, and as
/// much again for what ends, relays and schedulers add to the round trip.
inline constexpr std::size_t kH2FirstWindow = 256 * 1024;
inline constexpr std::size_t kH2MaxWindow = 24 * 1024 * 1024;
/// How many times as large a window that was full becomes: a measure takes up to two round trips, in which
/// TCP's slow start quadruples what it has under way.
inline constexpr std::size_t kH2Growth = 4;
/// The same for all streams of a connection together, held or not yet credited.
inline constexpr std::size_t kH2ConnectionWindow = 64 * 1024 * 1024;
/// And so much at a server, until it lets a tunnel through: what has come for requests that nothing has
/// looked at yet is held meanwhile.
inline constexpr std::size_t kH2UnprovenWindow = 1024 * 1024;
/// A window is credited once this part of it has been consumed: a larger part would let the sender run dry
/// while the credit travels. No stream's credit waits for more than so many bytes.
inline constexpr std::size_t kH2CreditPart = 8;
inline constexpr std::size_t kH2MostCredit = 1024 * 1024;
/// What the streams' windows may add up to: however many readers stall, the others still have room.
inline constexpr std::size_t kH2GrantLimit = kH2ConnectionWindow - kH2ConnectionWindow / kH2CreditPart;

/// What the windows of all streams of this process may have grown by together, in bytes; any number until it
/// is set. From any thread, as are the next two.
void limit_windows(std::size_t bytes);
/// False: they have grown by as much as they may.
bool take_window(std::size_t bytes);
void give_back_window(std::size_t bytes);

/// How many frames a peer may send that cost us work and carry nothing (RFC 9113 10.5): so many at once, and
/// so many a second.
inline constexpr double kH2NuisanceBurst = 1000;
inline constexpr double kH2NuisancePerSecond = 50;

/// A token bucket for such frames.
class H2Patience {
 public:
  /// False: it is lost.
  bool spend(double frames) {
    left_ -= frames;
    return left_ >= 0;
  }
  void refill(std::chrono::steady_clock::time_point now);
  /// For work that peers answer with such frames.
  void earn(double frames);
  bool lost() const { return left_ < 0; }

 private:
  double left_ = kH2NuisanceBurst;
  std::chrono::steady_clock::time_point last_{};
};

/// When to measure what a round trip brings: a PING leaves when half a window has come, and what arrives
/// until its answer is compared with the windows. Measures that lead to nothing make the next one rarer, but
/// not for long: what slowed the path down may have been a moment's.
class H2Probe {
 public:
  using Time = std::chrono::steady_clock::time_point;
  /// `bytes` have come on a stream with that window. True: send the PING now.
  bool received(std::size_t bytes, std::size_t window, Time now);
  /// The answer has come, and some window has grown or none.
  void answered(bool grew, Time now);
  bool running() const { return running_; }

 private:
  static constexpr std::size_t kMostRests = 64;  ///< half windows between fruitless measures, at most
  static constexpr std::chrono::milliseconds kMostRest{250};  ///< and no longer than that, while data comes
  std::size_t since_ = 0;                                     ///< bytes since the last measure ended
  Time ended_{};
  std::size_t rests_ = 1;
  bool running_ = false;
};

}  // namespace cfpipe::transport
