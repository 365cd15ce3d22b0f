#pragma once

#include <array>
#include <atomic>
#include <boost/asio/ip/address.hpp>
#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <string_view>
#include <utility>

namespace cfpipe::edge {

/// Addresses whose attempts are remembered at once; the one that has tried least lately is forgotten for
/// another.
inline constexpr std::size_t kMaxAddresses = 16'384;

/// Whom an address is counted as: IPv4 as itself, IPv6 by its /64, within which a host takes what it likes.
using AddressKey = std::array<std::uint8_t, 9>;
AddressKey address_key(const boost::asio::ip::address& address);
/// What is no address is counted as one.
AddressKey address_key(std::string_view address);

/// Connections that are open, by where they come from. From any thread; bounded by the connections there are.
class ConnectionsPerAddress {
 public:
  /// 0: as many as there may be.
  explicit ConnectionsPerAddress(std::size_t limit) : limit_(limit) {}
  /// For connections to come; those that are there are counted only if there was a limit when they came.
  void set_limit(std::size_t limit) { limit_.store(limit, std::memory_order_relaxed); }

  /// Counts a connection for as long as it lives. Goes before what gave it.
  class Seat {
   public:
    Seat() = default;
    Seat(Seat&& other) noexcept : of_(std::exchange(other.of_, nullptr)), key_(other.key_) {}
    Seat& operator=(Seat&&) = delete;
    ~Seat();

   private:
    friend class ConnectionsPerAddress;
    Seat(ConnectionsPerAddress* of, AddressKey key) : of_(of), key_(key) {}
    ConnectionsPerAddress* of_ = nullptr;
    AddressKey key_{};
  };
  /// Nothing: that address has as many as it may.
  std::optional<Seat> take(const boost::asio::ip::address& address);

 private:
  std::atomic<std::size_t> limit_;
  std::mutex mutex_;
  std::map<AddressKey, std::size_t> open_;
};

/// Attempts, of which each address has so many a minute: all at once, or one after another as they come back.
class AttemptsPerAddress {
 public:
  /// 0: as many as it likes.
  explicit AttemptsPerAddress(std::size_t per_minute) : per_minute_(static_cast<std::int64_t>(per_minute)) {}
  void set_limit(std::size_t per_minute) { per_minute_ = static_cast<std::int64_t>(per_minute); }

  /// Takes one at `now`, Unix seconds. Not 0: there is none left for so many seconds.
  std::int64_t take(const AddressKey& key, std::int64_t now);
  std::size_t size() const { return known_.size(); }

 private:
  /// In sixtieths of an attempt, of which `per_minute` come back every second.
  struct Bucket {
    std::int64_t spent = 0;
    std::int64_t at = 0;
    std::list<AddressKey>::iterator place;
  };
  std::int64_t per_minute_;
  std::map<AddressKey, Bucket> known_;
  std::list<AddressKey> order_;  ///< who tried last is first
};

}  // namespace cfpipe::edge
