#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace cfpipe::transport {

/// First and largest receive window of a stream, in bytes. A window grows while measurements show that the
/// path carries more than it: 1 Gbit/s at 100 ms are 12.5 MB, and as much again for what peers, relays and
/// schedulers add to the round trip.
inline constexpr std::size_t kH2FirstWindow = 256 * 1024;
inline constexpr std::size_t kH2MaxWindow = 24 * 1024 * 1024;
/// Factor by which a full window grows: a measurement takes up to two round trips, in which TCP's slow start
/// quadruples the bytes in flight.
inline constexpr std::size_t kH2Growth = 4;
/// Receive window of a connection, in bytes: what all its streams hold or have not yet credited.
inline constexpr std::size_t kH2ConnectionWindow = 64 * 1024 * 1024;
/// Receive window of a server's connection without a tunnel, in bytes: it bounds what is held for requests
/// that have not been checked yet.
inline constexpr std::size_t kH2UnprovenWindow = 1024 * 1024;
/// Part of a window after whose consumption WINDOW_UPDATE is sent: a larger part would let the sender stall
/// while the update is in flight. The next is the most bytes after which it is sent.
inline constexpr std::size_t kH2CreditPart = 8;
inline constexpr std::size_t kH2MostCredit = 1024 * 1024;
/// Largest sum of the streams' windows, in bytes: the rest is for streams whose readers do not stall.
inline constexpr std::size_t kH2GrantLimit = kH2ConnectionWindow - kH2ConnectionWindow / kH2CreditPart;

/// Sets the most bytes by which the windows of all streams of this process may grow together; unlimited by
/// default. From any thread, as are the next two.
void limit_windows(std::size_t bytes);
/// Reserves `bytes` of that limit, or returns false.
bool take_window(std::size_t bytes);
void give_back_window(std::size_t bytes);

/// Frames that cost work and carry no data (RFC 9113 10.5), which a peer may send at once, and per second.
inline constexpr double kH2NuisanceBurst = 1000;
inline constexpr double kH2NuisancePerSecond = 50;

/// A token bucket for such frames.
class H2NuisanceBudget {
 public:
  /// `clients`: so many share the connection, and have what each would have.
  explicit H2NuisanceBudget(double clients = 1) : clients_(clients) {}
  /// False: the budget is exhausted.
  bool spend(double frames) {
    left_ -= frames;
    return left_ >= 0;
  }
  void refill(std::chrono::steady_clock::time_point now);
  /// Adds to the budget for bytes that peers answer with such frames.
  void earn(double frames);
  bool lost() const { return left_ < 0; }

 private:
  double clients_;
  double left_ = clients_ * kH2NuisanceBurst;
  std::chrono::steady_clock::time_point last_{};
};

/// Schedule of bandwidth measurements: a PING leaves when half a window has arrived, and the bytes until its
/// answer are compared with the windows. Measurements without growth become rarer, but only for kMostRest,
/// since a slow path may recover.
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
