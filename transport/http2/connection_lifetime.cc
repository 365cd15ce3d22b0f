#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "transport/http2/connection.h"

// The life of an HTTP/2 connection: waiting for its states, signs of life, its end.

namespace cfpipe::transport {
namespace net = boost::asio;

net::awaitable<void> H2Connection::change(Clock::time_point deadline) {
  const auto timer = std::make_shared<net::steady_timer>(executor_, deadline);
  waiting_.push_back(timer);
  co_await timer->async_wait(net::as_tuple(net::use_awaitable));
}

void H2Connection::changed() {
  for (const auto& timer : std::exchange(waiting_, {})) timer->cancel();
}

net::awaitable<bool> H2Connection::settled(Clock::time_point deadline) {
  const auto self = shared_from_this();
  while (!over_ && !session_.settled() && Clock::now() < deadline) co_await change(deadline);
  co_return !over_ && session_.settled();
}

net::awaitable<void> H2Connection::until_over() {
  const auto self = shared_from_this();
  while (!over_) co_await change(Clock::time_point::max());
}

std::unique_ptr<H2Stream> H2Connection::open(const H2Head& head, bool ends) {
  if (!usable()) return nullptr;
  const auto id = session_.request(head, ends);
  if (id == 0) return nullptr;
  auto stream = std::make_unique<H2Stream>(shared_from_this(), id);
  streams_[id] = stream.get();
  transmit();
  return stream;
}

void H2Connection::probe(std::chrono::milliseconds timeout) {
  // Beside other streams an answer may have to stand in line, and their own silence is watched anyway.
  if (over_ || streams_.size() > 1 || probe_until_ != Clock::time_point{}) return;
  session_.ping();
  probe_until_ = Clock::now() + timeout;
  probed_at_ = Clock::now();
  transmit();
  schedule();
}

void H2Connection::widen() {
  if (over_) return;
  session_.widen();
  transmit_soon();
}

void H2Connection::announce_end() {
  if (over_ || draining_) return;
  session_.announce_end();
  transmit();
}

void H2Connection::drain() {
  if (over_ || std::exchange(draining_, true)) return;
  session_.go_away();
  transmit();
}

void H2Connection::close() {
  if (over_) return;
  session_.go_away();
  transmit();
  end_with("");
}

void H2Connection::schedule() {
  if (over_) return;
  auto due = pinged_ ? pinged_at_ + (times_.dead - times_.ping) : last_received_ + times_.ping;
  if (streams_.empty()) due = std::min(due, idle_since_ + times_.idle);
  if (probe_until_ != Clock::time_point{}) due = std::min(due, probe_until_);
  timer_.expires_at(due);
  timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& cancelled) {
    const auto self = weak.lock();
    if (!cancelled && self && !self->over_) self->on_timer();
  });
}

void H2Connection::on_timer() {
  const auto now = Clock::now();
  const auto silence = now - last_received_;
  if (streams_.empty() && now - idle_since_ >= times_.idle) return close();
  if (std::exchange(probe_until_, {}) != Clock::time_point{}) {
    if (last_received_ < probed_at_) return end_with("it does not answer");
  }
  if (pinged_ && now - pinged_at_ >= times_.dead - times_.ping) {
    // A PING stands in line behind our data: while that does not move, a missing answer says nothing.
    if (!channel_->backed_up()) return end_with("no sign of life");
    pinged_at_ = now;
  } else if (!pinged_ && silence >= times_.ping) {
    pinged_ = true;
    pinged_at_ = now;
    session_.ping();
    transmit();
  }
  schedule();
}

}  // namespace cfpipe::transport
