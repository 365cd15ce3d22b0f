#include "transport/http2/stream.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstring>
#include <utility>

namespace cfpipe::transport {
namespace net = boost::asio;
using tunnel::IoStatus;
namespace {

/// Memory for what has arrived and is not read, in bytes: a block for a key press, for a frame, for more, and
/// for bulk.
constexpr std::size_t kSmallBlock = 2 * 1024;
constexpr std::size_t kFrameBlock = 16 * 1024;
constexpr std::size_t kLargeBlock = 64 * 1024;
constexpr std::size_t kBulkBlock = 256 * 1024;

}  // namespace

H2Stream::H2Stream(std::shared_ptr<H2Carrier> connection, std::int32_t id)
    : connection_(std::move(connection)), id_(id) {}

H2Stream::~H2Stream() {
  H2Stream::close();
}

std::string_view H2Stream::field(std::string_view name) const {
  for (const auto& [key, value] : head_) {
    if (key == name) return value;
  }
  return {};
}

net::any_io_executor H2Stream::executor() {
  return connection_->executor();
}

// ---- receiving ----

void H2Stream::arrived(std::span<const std::byte> data) {
  in_bytes_ += data.size();
  if (discarding_) return;
  while (!data.empty()) {
    if (in_.empty() || in_.back().full()) add_block(data.size());
    Block& last = in_.back();
    const auto count = std::min(data.size(), last.buffer.size() - last.end);
    std::memcpy(last.buffer.data() + last.end, data.data(), count);
    last.end += count;
    filled_ = last.full() ? last.buffer.size() : 0;
    data = data.subspan(count);
  }
  wake_reader();
}

void H2Stream::discard() {
  discarding_ = true;
  in_.clear();
}

void H2Stream::add_block(std::size_t coming) {
  std::size_t size = kLargeBlock;
  if (filled_ == 0 && coming <= kFrameBlock) size = coming <= kSmallBlock ? kSmallBlock : kFrameBlock;
  if (filled_ >= kLargeBlock) size = kBulkBlock;
  in_.emplace_back().buffer.take(tunnel::kHeadroom + size);
}

IoStatus H2Stream::nothing_read() const {
  if (peer_ended_) return IoStatus::eof;
  return closed_ || dropped_ ? IoStatus::failed : IoStatus::would_block;
}

// Whole blocks change hands.
IoStatus H2Stream::read_into(tunnel::PooledBuffer& into, std::size_t, tunnel::Slice& got) {
  got = {};
  if (in_.empty()) return discarding_ ? IoStatus::failed : nothing_read();
  Block& first = in_.front();
  into = std::move(first.buffer);
  got = {into.data() + first.begin, first.end - first.begin};
  in_.pop_front();
  in_bytes_ -= got.size();
  connection_->consumed(*this, got.size());
  return IoStatus::ok;
}

IoStatus H2Stream::read(std::span<std::byte> into, std::size_t& bytes) {
  bytes = 0;
  while (bytes < into.size() && !in_.empty()) {
    Block& first = in_.front();
    const auto count = std::min(into.size() - bytes, first.end - first.begin);
    std::memcpy(into.data() + bytes, first.buffer.data() + first.begin, count);
    first.begin += count;
    bytes += count;
    if (first.begin == first.end) in_.pop_front();
  }
  if (bytes == 0) return discarding_ ? IoStatus::failed : nothing_read();
  in_bytes_ -= bytes;
  connection_->consumed(*this, bytes);
  return IoStatus::ok;
}

void H2Stream::set_head(H2Head head, bool oversized) {
  head_ = std::move(head);
  oversized_ = oversized;
  has_head_ = true;
  wake_reader();
}

void H2Stream::set_peer_ended() {
  peer_ended_ = true;
  wake_reader();
}

void H2Stream::set_closed(std::uint32_t code) {
  closed_ = true;
  code_ = code;
  wake_reader();
  if (writer_) connection_->wait_writable(*this);
}

void H2Stream::post(std::function<void()> callback) {
  net::post(connection_->executor(), [callback = std::move(callback), alive = std::weak_ptr<int>(alive_)] {
    if (!alive.expired()) callback();
  });
}

void H2Stream::wake_reader() {
  if (waiter_) waiter_->cancel();
  if (auto callback = std::exchange(reader_, nullptr)) post(std::move(callback));
}

void H2Stream::on_readable(std::function<void()> callback) {
  if (dropped_) return;
  if (in_bytes_ > 0 || peer_ended_ || closed_) return post(std::move(callback));
  reader_ = std::move(callback);
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
  if (dropped_) return;
  writer_ = std::move(callback);
  connection_->wait_writable(*this);
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

void H2Stream::close() {
  if (std::exchange(dropped_, true)) return;
  alive_.reset();
  reader_ = writer_ = nullptr;
  if (waiter_) waiter_->cancel();
  in_.clear();
  connection_->drop(*this, std::exchange(in_bytes_, 0));
}

// ---- awaiting ----

net::awaitable<bool> H2Stream::wait(bool for_head, Clock::time_point deadline) {
  const std::weak_ptr<int> alive = alive_;
  for (;;) {
    if (alive.expired()) co_return false;
    const bool come = for_head ? has_head_ : in_bytes_ > 0 || peer_ended_;
    if (come || closed_) co_return come;
    if (Clock::now() >= deadline) co_return false;
    const auto timer = std::make_shared<net::steady_timer>(connection_->executor(), deadline);
    waiter_ = timer;
    co_await timer->async_wait(net::as_tuple(net::use_awaitable));
    if (!alive.expired()) waiter_.reset();
  }
}

net::awaitable<bool> H2Stream::headed(Clock::time_point deadline) {
  co_return co_await wait(true, deadline);
}

net::awaitable<bool> H2Stream::readable(Clock::time_point deadline) {
  co_return co_await wait(false, deadline);
}

net::awaitable<bool> H2Stream::writable(Clock::time_point deadline) {
  const std::weak_ptr<int> alive = alive_;
  const auto timer = std::make_shared<net::steady_timer>(connection_->executor(), deadline);
  const auto woken = std::make_shared<bool>(false);
  on_writable([timer, woken] {
    *woken = true;
    timer->cancel();
  });
  co_await timer->async_wait(net::as_tuple(net::use_awaitable));
  co_return *woken && !alive.expired();
}

}  // namespace cfpipe::transport
