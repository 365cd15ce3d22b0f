#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>

namespace cfpipe {

/// A timer that runs `cancel` on the executor after `limit`, unless it is destroyed before.
class Deadline {
 public:
  template <class Cancel>
  Deadline(const boost::asio::any_io_executor& executor, std::chrono::milliseconds limit, Cancel cancel)
      : timer_(executor, limit) {
    timer_.async_wait([cancel, state = state_](const boost::system::error_code& cancelled) {
      if (cancelled || state->over) return;
      state->expired = true;
      cancel();
    });
  }
  ~Deadline() { state_->over = true; }
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;
  bool expired() const { return state_->expired; }

 private:
  struct State {
    bool over = false;
    bool expired = false;
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
  boost::asio::steady_timer timer_;
};

}  // namespace cfpipe
