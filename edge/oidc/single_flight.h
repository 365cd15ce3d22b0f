#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/platform/wakeup.h"

namespace cfpipe::edge {

/// How long one waits for what another is fetching before one fetches oneself: longer than any fetch takes.
inline constexpr std::chrono::seconds kSingleFlightTimeout{60};

/// Makes those who want the same thing at the same time wait for the one who is fetching it. Of one loop.
class SingleFlight {
 public:
  /// True: the caller fetches, and calls finish(). False: another caller has just done so.
  boost::asio::awaitable<bool> join(boost::asio::any_io_executor executor) {
    if (!under_way_) {
      under_way_ = true;
      co_return true;
    }
    const auto landed = std::make_shared<Wakeup>(std::move(executor));
    waiting_.push_back(landed);
    const bool other = co_await landed->wait(std::chrono::steady_clock::now() + kSingleFlightTimeout);
    co_return !other;
  }
  bool under_way() const { return under_way_; }
  std::size_t waiting() const { return waiting_.size(); }
  void finish() {
    under_way_ = false;
    for (const auto& one : std::exchange(waiting_, {})) one->notify();
  }

 private:
  bool under_way_ = false;
  std::vector<std::shared_ptr<Wakeup>> waiting_;
};

/// What was fetched last, and what came of the last try.
template <class T>
struct Cached {
  std::shared_ptr<const T> value;
  std::int64_t time = 0;    ///< when it was fetched
  std::int64_t failed = 0;  ///< when a fetch failed last; 0: the last one did not
  Failure failure;
  SingleFlight flight;

  bool younger_than(std::int64_t seconds, std::int64_t now) const {
    return value && time <= now && now - time < seconds;
  }
  bool failed_within(std::int64_t seconds, std::int64_t now) const {
    return failed != 0 && failed <= now && now - failed < seconds;
  }
};

}  // namespace cfpipe::edge
