#pragma once

#include <atomic>
#include <boost/asio/ip/address.hpp>
#include <chrono>
#include <cstddef>
#include <mutex>
#include <optional>

#include "edge/limits/seats.h"

namespace cfpipe::edge {

/// Between two lines of the log about connections that are closed for the same reason.
inline constexpr std::chrono::minutes kClosedLinePause{1};

/// Counts events of which the log is to have a line now and then. From any thread.
class OccasionalLine {
 public:
  /// Counts one: how many there were since the last line, if it is time for another.
  std::optional<std::size_t> count();

 private:
  std::mutex mutex_;
  std::size_t since_ = 0;
  std::optional<std::chrono::steady_clock::time_point> told_;
};

/// The connections that each address has at once, an IPv6 one together with its /64. From any thread.
class AddressSeats {
 public:
  /// `most` of each address; 0: no limit.
  explicit AddressSeats(std::size_t most) : seats_({most, 0}) {}
  void set_limit(std::size_t most) { seats_.set_limits({most, 0}); }

  /// Nothing: the address has as many as it may, which is counted and logged.
  std::optional<Seats::Seat> take(const boost::asio::ip::address& address);
  std::size_t refused() const { return refused_.load(std::memory_order_relaxed); }

 private:
  Seats seats_;
  std::atomic<std::size_t> refused_{0};
  OccasionalLine line_;
};

}  // namespace cfpipe::edge
