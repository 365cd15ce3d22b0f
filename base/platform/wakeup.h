#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

namespace cfpipe {

/// Lets one coroutine wait for another thread. Both share it by std::shared_ptr and may be destroyed in
/// either order: once wait() has ended, notify() does not touch the coroutine's executor.
class Wakeup : public std::enable_shared_from_this<Wakeup> {
 public:
  explicit Wakeup(boost::asio::any_io_executor executor) : executor_(std::move(executor)) {}

  /// Wakes the coroutine; from any thread, once. What was written before is visible to the coroutine.
  void notify();
  /// Waits in a coroutine of the executor, once. False if the deadline has passed.
  boost::asio::awaitable<bool> wait(
      std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max());

 private:
  class Waiting;
  std::mutex mutex_;
  boost::asio::any_io_executor executor_;
  boost::asio::steady_timer* waiter_ = nullptr;  // set and used on the executor's thread
  bool notified_ = false;
};

/// A thread that blocks all signals, which the main loop handles. Not joinable if the system refuses a
/// thread.
std::thread quiet_thread(std::function<void()> body);

}  // namespace cfpipe
