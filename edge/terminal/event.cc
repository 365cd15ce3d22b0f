#include "edge/terminal/event.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace cfpipe::edge::terminal {
namespace net = boost::asio;

void Event::set() {
  set_ = true;
  timer_.cancel();
}

net::awaitable<void> Event::wait(Clock::time_point deadline) {
  if (!set_) {
    timer_.expires_at(deadline);
    co_await timer_.async_wait(net::as_tuple(net::use_awaitable));
  }
  set_ = false;
}

}  // namespace cfpipe::edge::terminal
