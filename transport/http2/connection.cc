#include "transport/http2/connection.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace cfpipe::transport {
namespace net = boost::asio;

net::awaitable<void> H2Changes::next(std::chrono::steady_clock::time_point deadline) {
  const auto timer = std::make_shared<net::steady_timer>(life_.executor(), deadline);
  waiting_.push_back(timer);
  co_await timer->async_wait(net::as_tuple(net::use_awaitable));
}

void H2Changes::tell() {
  for (const auto& timer : std::exchange(waiting_, {})) timer->cancel();
}

std::shared_ptr<H2Connection> H2Connection::start(std::unique_ptr<SocketChannel> channel, H2Role role,
                                                  H2Times times, std::span<const std::byte> early,
                                                  H2NuisanceBudget nuisance) {
  const std::shared_ptr<H2Connection> made(new H2Connection(std::move(channel), role, times, nuisance));
  made->life_.begin({made, &made->sender_});
  made->exchange_.start(early);
  made->watch_.schedule();
  return made;
}

H2Connection::H2Connection(std::unique_ptr<SocketChannel> channel, H2Role role, H2Times times,
                           H2NuisanceBudget nuisance)
    : life_(channel->executor()),
      changes_(life_),
      streams_(role, life_),
      exchange_(std::move(channel), role, streams_, *this, life_, nuisance),
      watch_(life_, exchange_, streams_, times),
      sender_(life_, exchange_, streams_, watch_) {}

// ---- what its exchange tells ----

void H2Connection::received(Clock::time_point now) {
  watch_.received(now);
  streams_.settle(exchange_.session());
  changes_.tell();
}

void H2Connection::lost() {
  exchange_.end(streams_.size() == 0 ? "" : "the connection was lost");
}

void H2Connection::ended() {
  watch_.cancel();
  changes_.tell();
  streams_.close_all();
  sender_.wake();
}

// ---- waiting ----

net::awaitable<bool> H2Connection::settled(Clock::time_point deadline) {
  const auto self = shared_from_this();
  const auto& session = exchange_.session();
  while (!over() && !session.settled() && Clock::now() < deadline) co_await changes_.next(deadline);
  co_return !over() && session.settled();
}

net::awaitable<void> H2Connection::until_over() {
  const auto self = shared_from_this();
  while (!over()) co_await changes_.next(Clock::time_point::max());
}

net::awaitable<void> H2Connection::until_going_away() {
  const auto self = shared_from_this();
  while (!over() && !streams_.refuses() && !going_away()) co_await changes_.next(Clock::time_point::max());
}

// ---- what its owner asks for ----

std::unique_ptr<H2Stream> H2Connection::open(const H2Head& head, bool ends) {
  if (!usable()) return nullptr;
  const auto id = exchange_.session().request(head, ends);
  if (id == 0) return nullptr;
  auto stream = streams_.make(id);
  exchange_.transmit();
  return stream;
}

void H2Connection::widen() {
  if (over()) return;
  exchange_.session().widen();
  exchange_.transmit_soon();
}

void H2Connection::announce_end() {
  if (over() || streams_.refuses()) return;
  exchange_.session().announce_end();
  exchange_.transmit();
}

void H2Connection::drain() {
  if (over() || streams_.refuses()) return;
  streams_.refuse();
  exchange_.session().go_away();
  changes_.tell();
  exchange_.transmit();
}

std::optional<Failure> H2Connection::refusal() {
  return over() ? exchange_.wire().refusal() : std::nullopt;
}

}  // namespace cfpipe::transport
