#include "edge/address_limits.h"

#include <algorithm>
#include <string>

namespace cfpipe::edge {
namespace net = boost::asio;
namespace {

/// What an attempt costs of a bucket, so that a minute gives back whole numbers every second.
constexpr std::int64_t kAttempt = 60;
constexpr std::uint8_t kV4 = 4;
constexpr std::uint8_t kV6 = 6;
constexpr std::size_t kNetworkBytes = 8;

}  // namespace

AddressKey address_key(const net::ip::address& address) {
  AddressKey key{};
  const bool mapped = address.is_v6() && address.to_v6().is_v4_mapped();
  if (address.is_v4() || mapped) {
    const auto v4 = mapped ? net::ip::make_address_v4(net::ip::v4_mapped, address.to_v6()) : address.to_v4();
    const auto bytes = v4.to_bytes();
    key[0] = kV4;
    std::copy(bytes.begin(), bytes.end(), key.begin() + 1);
  } else {
    const auto bytes = address.to_v6().to_bytes();
    key[0] = kV6;
    std::copy_n(bytes.begin(), kNetworkBytes, key.begin() + 1);
  }
  return key;
}

AddressKey address_key(std::string_view address) {
  boost::system::error_code error;
  const auto parsed = net::ip::make_address(std::string(address), error);
  return error ? AddressKey{} : address_key(parsed);
}

ConnectionsPerAddress::Seat::~Seat() {
  if (of_ == nullptr) return;
  const std::lock_guard lock(of_->mutex_);
  const auto found = of_->open_.find(key_);
  if (found != of_->open_.end() && --found->second == 0) of_->open_.erase(found);
}

std::optional<ConnectionsPerAddress::Seat> ConnectionsPerAddress::take(const net::ip::address& address) {
  const std::size_t limit = limit_.load(std::memory_order_relaxed);
  if (limit == 0) return Seat();
  const AddressKey key = address_key(address);
  const std::lock_guard lock(mutex_);
  const auto found = open_.find(key);
  if (found != open_.end() && found->second >= limit) return std::nullopt;
  ++open_[key];
  return Seat(this, key);
}

std::int64_t AttemptsPerAddress::take(const AddressKey& key, std::int64_t now) {
  if (per_minute_ == 0) return 0;
  auto found = known_.find(key);
  if (found == known_.end()) {
    if (known_.size() >= kMaxAddresses) {
      known_.erase(order_.back());
      order_.pop_back();
    }
    order_.push_front(key);
    found = known_.emplace(key, Bucket{0, now, order_.begin()}).first;
  } else {
    order_.splice(order_.begin(), order_, found->second.place);
  }
  Bucket& bucket = found->second;
  // A clock that was set back gives nothing and takes nothing.
  const std::int64_t passed = std::clamp<std::int64_t>(now - bucket.at, 0, kAttempt);
  bucket.spent = std::max<std::int64_t>(bucket.spent - passed * per_minute_, 0);
  bucket.at = now;
  const std::int64_t over = bucket.spent + kAttempt - per_minute_ * kAttempt;
  if (over > 0) return (over + per_minute_ - 1) / per_minute_;
  bucket.spent += kAttempt;
  return 0;
}

}  // namespace cfpipe::edge
