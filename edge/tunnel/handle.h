#pragma once

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "tunnel/relay.h"

namespace cfpipe::edge {

/// What the site knows of a tunnel that a worker's loop carries, and how it ends it. The two share it
/// (std::shared_ptr); either may be gone before the other: once the tunnel is, its loop is not touched any
/// more.
class TunnelHandle : public std::enable_shared_from_this<TunnelHandle> {
 public:
  using Told = std::function<void(const std::string& why)>;
  /// `executor`: of the loop that carries the tunnel.
  explicit TunnelHandle(boost::asio::any_io_executor executor) : executor_(std::move(executor)) {}

  /// From any thread; the first call counts. `why` is told to the client, and recorded.
  void dismiss(std::string why);

  /// Why the tunnel is to end; nothing while it may go on. From any thread.
  std::optional<std::string> dismissal() const;

  /// Bytes so far, of a tunnel that is counted; else 0. From any thread.
  struct Moved {
    std::uint64_t up = 0;
    std::uint64_t down = 0;
  };
  Moved moved() const;

  /// Since when it has been without its client, which may come back, in Unix seconds; 0: it has it. From any
  /// thread.
  std::int64_t detached() const { return detached_.load(std::memory_order_relaxed); }
  void set_detached(std::int64_t since) { detached_.store(since, std::memory_order_relaxed); }

  // From the loop that carries the tunnel:
  void count(std::shared_ptr<const tunnel::Counters> counters);
  /// Runs `told` on the loop, not from inside this call, once the tunnel is to end; also if that was said
  /// before.
  void on_dismissed(Told told);
  /// Drops the callback.
  void forget();

 private:
  void post();
  void tell();
  mutable std::mutex mutex_;
  std::shared_ptr<const tunnel::Counters> counters_;
  boost::asio::any_io_executor executor_;
  std::string why_;
  bool dismissed_ = false;
  std::atomic<std::int64_t> detached_{0};
  Told told_;  // set and used on the loop
};

}  // namespace cfpipe::edge
