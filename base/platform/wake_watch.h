#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <memory>

namespace cfpipe {

/// Tells when this machine has woken from sleep, at once, where timers have stood still (timerfd_create(2),
/// TFD_TIMER_CANCEL_ON_SET: the kernel takes a wake-up for a change of the clock). A clock that was set is
/// told as well. Where the system does not tell, nothing is reported. It costs nothing in between.
class WakeWatch {
 public:
  /// `woken` is called from the executor until this is destroyed.
  WakeWatch(boost::asio::any_io_executor executor, std::function<void()> woken);
  ~WakeWatch();
  WakeWatch(const WakeWatch&) = delete;
  WakeWatch& operator=(const WakeWatch&) = delete;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace cfpipe
