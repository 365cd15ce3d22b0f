#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

namespace cfpipe::transport {

/// Lets one coroutine wait for another thread. The two share it (std::shared_ptr); either may be gone before
/// the other: once nobody waits, the loop of the one who did is not touched any more.
class Wakeup : public std::enable_shared_from_this<Wakeup> {
 public:
  explicit Wakeup(boost::asio::any_io_executor executor) : executor_(std::move(executor)) {}

  /// From any thread, once. What was written before it is seen by whoever was woken.
  void notify();
  /// From a coroutine of the executor, once. False: the deadline has passed.
  boost::asio::awaitable<bool> wait(
      std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max());

 private:
  class Waiting;
  std::mutex mutex_;
  boost::asio::any_io_executor executor_;
  boost::asio::steady_timer* waiter_ = nullptr;  // set and used on the executor's thread
  bool notified_ = false;
};

/// A thread that takes no signals: those are the main loop's business. Not joinable if the system refuses.
std::thread quiet_thread(std::function<void()> body);

}  // namespace cfpipe::transport
