#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>

namespace cfpipe::edge::terminal {

/// Wakes the one coroutine that looks after a session, whatever has happened: it then looks at everything.
/// Used from one loop; whoever may ring later shares it.
class Bell {
 public:
  using Clock = std::chrono::steady_clock;
  explicit Bell(const boost::asio::any_io_executor& executor) : timer_(executor) {}

  void ring();
  /// Until it rings, or has rung since the last time; or until the deadline.
  boost::asio::awaitable<void> wait(Clock::time_point deadline);

 private:
  boost::asio::steady_timer timer_;
  bool rung_ = false;
};

}  // namespace cfpipe::edge::terminal
