#include "transport/http2/stream.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstring>
#include <utility>

namespace cfpipe::transport {
namespace net = boost::asio;
using tunnel::IoStatus;

H2Stream::H2Stream(std::shared_ptr<H2Carrier> connection, std::int32_t id)
    : connection_(std::move(connection)), id_(id), in_(connection_->executor()) {}

H2Stream::~H2Stream() {
  H2Stream::close();
}

std::string_view H2Stream::field(std::string_view name) const {
  for (const auto& [key, value] : head()) {
    if (key == name) return value;
  }
  return {};
}

net::any_io_executor H2Stream::executor() {
  return connection_->executor();
}

// ---- receiving ----

IoStatus H2Stream::read_into(tunnel::PooledBuffer& into, std::size_t, tunnel::Slice& got) {
  const auto status = in_.read_block(into, got);
  if (status == IoStatus::ok) connection_->consumed(*this, got.size());
  return status;
}

IoStatus H2Stream::read(std::span<std::byte> into, std::size_t& bytes) {
  const auto status = in_.read(into, bytes);
  if (status == IoStatus::ok) connection_->consumed(*this, bytes);
  return status;
}

void H2Stream::discard() {
  in_.discard();
}

void H2Stream::on_readable(std::function<void()> callback) {
  in_.on_readable(std::move(callback));
}

void H2Stream::on_gone(std::function<void()> callback) {
  in_.on_closed(std::move(callback));
}

net::awaitable<bool> H2Stream::headed(Clock::time_point deadline) {
  co_return co_await in_.wait(true, deadline);
}

net::awaitable<bool> H2Stream::readable(Clock::time_point deadline) {
  co_return co_await in_.wait(false, deadline);
}

// ---- sending ----

IoStatus H2Stream::write(std::span<const std::byte> from) {
  if (from.empty()) return connection_->write(*this, {});
  const auto room = std::make_unique_for_overwrite<std::byte[]>(kH2FrameHeader + from.size());
  std::memcpy(room.get() + kH2FrameHeader, from.data(), from.size());
  return write_in_place({room.get() + kH2FrameHeader, from.size()});
}

IoStatus H2Stream::write_in_place(tunnel::Slice from) {
  if (from.size() > kMaxChannelWrite) return IoStatus::failed;
  return connection_->write(*this, from);
}

IoStatus H2Stream::flush() {
  return connection_->flush(*this);
}

IoStatus H2Stream::close_notify() {
  return connection_->end(*this);
}

void H2Stream::on_writable(std::function<void()> callback) {
  if (in_.dropped()) return;
  turn_.wake = std::move(callback);
  connection_->wait_writable(*this);
}

net::awaitable<bool> H2Stream::writable(Clock::time_point deadline) {
  const auto alive = in_.alive();
  const auto timer = std::make_shared<net::steady_timer>(connection_->executor(), deadline);
  const auto woken = std::make_shared<bool>(false);
  on_writable([timer, woken] {
    *woken = true;
    timer->cancel();
  });
  co_await timer->async_wait(net::as_tuple(net::use_awaitable));
  co_return *woken && !alive.expired();
}

bool H2Stream::respond(const H2Head& head, bool ends) {
  return connection_->respond(*this, head, ends);
}

std::size_t H2Stream::room() const {
  return connection_->room(*this);
}

bool H2Stream::in_flight() const {
  return connection_->in_flight(*this);
}

std::optional<std::chrono::milliseconds> H2Stream::backed_up() const {
  return connection_->backed_up(*this);
}

void H2Stream::check_connection(std::chrono::milliseconds limit) {
  connection_->check(limit);
}

void H2Stream::close() {
  if (in_.dropped()) return;
  turn_.wake = nullptr;
  const auto unread = in_.drop();
  connection_->drop(*this, unread);
}

}  // namespace cfpipe::transport
