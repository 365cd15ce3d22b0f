#include "edge/limits/address_seats.h"

#include <utility>

#include "base/log.h"

namespace cfpipe::edge {

std::optional<std::size_t> OccasionalLine::count() {
  const std::lock_guard lock(mutex_);
  ++since_;
  const auto now = std::chrono::steady_clock::now();
  if (told_ && now - *told_ < kClosedLinePause) return std::nullopt;
  told_ = now;
  return std::exchange(since_, 0);
}

std::optional<Seats::Seat> AddressSeats::take(const boost::asio::ip::address& address) {
  auto seat = seats_.take(address_key(address));
  if (seat) return seat;
  refused_.fetch_add(1, std::memory_order_relaxed);
  // A client that opens one too many is likely to go on doing so.
  if (const auto count = line_.count())
    spdlog::warn("connections closed because of connections_per_address: {}, the last one from {}", *count,
                 address.to_string());
  return std::nullopt;
}

}  // namespace cfpipe::edge
