#include "base/platform/wake_watch.h"

#include <sys/timerfd.h>
#include <unistd.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <cerrno>
#include <cstdint>
#include <ctime>
#include <utility>

#include "base/platform/own_file.h"

namespace cfpipe {
namespace net = boost::asio;

namespace {

constexpr std::time_t kNever = 8'000'000'000;  ///< in the year 2223

}  // namespace

struct WakeWatch::Impl : std::enable_shared_from_this<Impl> {
  Impl(const net::any_io_executor& executor, std::function<void()> w)
      : timer(::timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC)),
        events(executor),
        woken(std::move(w)) {
    boost::system::error_code ignored;
    if (timer && arm()) events.assign(timer.get(), ignored);
  }
  ~Impl() {
    if (events.is_open()) events.release();
  }

  /// Never to expire: what is waited for is that it is cancelled.
  bool arm() const {
    itimerspec never{};
    never.it_value.tv_sec = kNever;
    return ::timerfd_settime(timer.get(), TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, nullptr) == 0;
  }

  void listen() {
    if (!events.is_open()) return;
    events.async_wait(net::posix::descriptor_base::wait_read,
                      [self = shared_from_this()](const boost::system::error_code& error) {
                        if (error || self->over) return;
                        std::uint64_t expirations = 0;
                        const auto got = ::read(self->timer.get(), &expirations, sizeof expirations);
                        const bool cancelled = got < 0 && errno == ECANCELED;
                        // An armed timer that was cancelled stays so until it is set again.
                        if (cancelled && !self->arm()) return;
                        self->listen();
                        if (cancelled) self->woken();
                      });
  }

  const Fd timer;
  net::posix::stream_descriptor events;
  std::function<void()> woken;
  bool over = false;
};

WakeWatch::WakeWatch(net::any_io_executor executor, std::function<void()> woken)
    : impl_(std::make_shared<Impl>(executor, std::move(woken))) {
  impl_->listen();
}

WakeWatch::~WakeWatch() {
  impl_->over = true;
  impl_->woken = nullptr;
  if (impl_->events.is_open()) impl_->events.release();
}

}  // namespace cfpipe
