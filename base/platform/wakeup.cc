#include "base/platform/wakeup.h"

#include <signal.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <system_error>

namespace cfpipe {
namespace net = boost::asio;

// Ends the wait however the coroutine ends, by destruction too.
class Wakeup::Waiting {
 public:
  Waiting(Wakeup& wakeup, net::steady_timer& timer) : wakeup_(wakeup) { wakeup_.waiter_ = &timer; }
  ~Waiting() {
    const std::lock_guard lock(wakeup_.mutex_);
    wakeup_.waiter_ = nullptr;
    wakeup_.executor_ = {};
  }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;

  bool notified() const {
    const std::lock_guard lock(wakeup_.mutex_);
    return wakeup_.notified_;
  }

 private:
  Wakeup& wakeup_;
};

// The lock is held while posting, so that the executor's loop cannot go meanwhile.
void Wakeup::notify() {
  const std::lock_guard lock(mutex_);
  notified_ = true;
  if (!executor_) return;
  net::post(executor_, [self = shared_from_this()] {
    if (self->waiter_ != nullptr) self->waiter_->cancel();
  });
}

net::awaitable<bool> Wakeup::wait(std::chrono::steady_clock::time_point deadline) {
  const auto self = shared_from_this();
  net::steady_timer timer(executor_, deadline);
  const Waiting waiting(*self, timer);
  if (!waiting.notified()) co_await timer.async_wait(net::as_tuple(net::use_awaitable));
  co_return waiting.notified();
}

std::thread quiet_thread(std::function<void()> body) {
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread started;
  try {
    started = std::thread(std::move(body));
  } catch (const std::system_error&) {
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return started;
}

}  // namespace cfpipe
