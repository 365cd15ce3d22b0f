#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <utility>

namespace cfpipe::edge::terminal {

/// Wakes the one coroutine that looks after a session, whatever has happened: it then looks at everything.
/// Used from one loop; callbacks that may set it later share it.
class Event {
 public:
  using Clock = std::chrono::steady_clock;
  explicit Event(const boost::asio::any_io_executor& executor) : timer_(executor) {}

  void set();
  /// Until it is set, or was since the last time; or until the deadline.
  boost::asio::awaitable<void> wait(Clock::time_point deadline);

 private:
  boost::asio::steady_timer timer_;
  bool set_ = false;
};

/// Sets an event when a socket is ready; one wait of each kind is under way at a time, however often it is
/// asked for.
class SocketEvent {
 public:
  template <class Socket>
  void arm(Socket& socket, const std::shared_ptr<Event>& event, bool reading, bool writing) {
    if (reading) wait(socket, Socket::wait_read, &Armed::reading, event);
    if (writing) wait(socket, Socket::wait_write, &Armed::writing, event);
  }

 private:
  struct Armed {
    bool reading = false;
    bool writing = false;
  };

  template <class Socket>
  void wait(Socket& socket, typename Socket::wait_type what, bool Armed::*flag,
            const std::shared_ptr<Event>& event) {
    if (std::exchange(armed_.get()->*flag, true)) return;
    socket.async_wait(what, [event, armed = armed_, flag](const boost::system::error_code&) {
      armed.get()->*flag = false;
      event->set();
    });
  }

  /// Outlives this where a wait is still to be told of the end.
  std::shared_ptr<Armed> armed_ = std::make_shared<Armed>();
};

}  // namespace cfpipe::edge::terminal
