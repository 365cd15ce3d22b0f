#include "edge/terminal/bell.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace cfpipe::edge::terminal {
namespace net = boost::asio;

void Bell::ring() {
  rung_ = true;
  timer_.cancel();
}

net::awaitable<void> Bell::wait(Clock::time_point deadline) {
  if (!rung_) {
    timer_.expires_at(deadline);
    co_await timer_.async_wait(net::as_tuple(net::use_awaitable));
  }
  rung_ = false;
}

}  // namespace cfpipe::edge::terminal
