#include "transport/http2/incoming.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace cfpipe::transport {
namespace net = boost::asio;
using tunnel::IoStatus;

void H2Incoming::set_head(H2Head head, bool oversized) {
  head_ = std::move(head);
  oversized_ = oversized;
  has_head_ = true;
  wake_reader();
}

void H2Incoming::add(std::span<const std::byte> data) {
  bytes_ += data.size();
  if (discarding_) return;
  inbox_.add(data);
  wake_reader();
}

void H2Incoming::set_ended() {
  ended_ = true;
  wake_reader();
}

void H2Incoming::set_closed(std::uint32_t code) {
  closed_ = true;
  code_ = code;
  wake_reader();
  if (auto callback = std::exchange(gone_, nullptr)) post(std::move(callback));
}

void H2Incoming::discard() {
  discarding_ = true;
  inbox_.clear();
}

IoStatus H2Incoming::nothing_read() const {
  if (discarding_) return IoStatus::failed;
  if (ended_) return IoStatus::eof;
  return closed_ || dropped() ? IoStatus::failed : IoStatus::would_block;
}

// Whole blocks change hands.
IoStatus H2Incoming::read_block(tunnel::PooledBuffer& into, tunnel::Slice& got) {
  got = {};
  if (inbox_.empty()) return nothing_read();
  inbox_.take_block(into, got);
  bytes_ -= got.size();
  return IoStatus::ok;
}

IoStatus H2Incoming::read(std::span<std::byte> into, std::size_t& bytes) {
  bytes = inbox_.read(into);
  if (bytes == 0) return nothing_read();
  bytes_ -= bytes;
  return IoStatus::ok;
}

std::size_t H2Incoming::drop() {
  alive_.reset();
  reader_ = gone_ = nullptr;
  if (waiter_) waiter_->cancel();
  inbox_.clear();
  return std::exchange(bytes_, 0);
}

void H2Incoming::post(std::function<void()> callback) {
  net::post(executor_, [callback = std::move(callback), alive = alive()] {
    if (!alive.expired()) callback();
  });
}

void H2Incoming::wake_reader() {
  if (waiter_) waiter_->cancel();
  if (auto callback = std::exchange(reader_, nullptr)) post(std::move(callback));
}

void H2Incoming::on_readable(std::function<void()> callback) {
  if (dropped()) return;
  if (bytes_ > 0 || ended_ || closed_) return post(std::move(callback));
  reader_ = std::move(callback);
}

void H2Incoming::on_closed(std::function<void()> callback) {
  if (dropped()) return;
  if (closed_) return post(std::move(callback));
  gone_ = std::move(callback);
}

net::awaitable<bool> H2Incoming::wait(bool for_head, Clock::time_point deadline) {
  const std::weak_ptr<int> alive = alive_;
  for (;;) {
    if (alive.expired()) co_return false;
    const bool come = for_head ? has_head_ : bytes_ > 0 || ended_;
    if (come || closed_) co_return come;
    if (Clock::now() >= deadline) co_return false;
    const auto timer = std::make_shared<net::steady_timer>(executor_, deadline);
    waiter_ = timer;
    co_await timer->async_wait(net::as_tuple(net::use_awaitable));
    if (!alive.expired()) waiter_.reset();
  }
}

}  // namespace cfpipe::transport
