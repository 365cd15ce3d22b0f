#include "tunnel/preamble.h"

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstring>
#include <utility>

#include "tunnel/buffer_pool.h"
#include "tunnel/forwarding_stream.h"

namespace cfpipe::tunnel {
namespace net = boost::asio;
using Clock = std::chrono::steady_clock;
namespace {

class StreamWithFirstBytes final : public ForwardingStream {
 public:
  StreamWithFirstBytes(net::any_io_executor executor, const std::string& first,
                       std::unique_ptr<Stream> stream)
      : ForwardingStream(std::move(stream)), executor_(std::move(executor)), unread_(!first.empty()) {
    memory_.take(kHeadroom + first.size());
    std::memcpy(memory_.data() + kHeadroom, first.data(), first.size());
    first_ = {memory_.data() + kHeadroom, first.size()};
  }

  IoStatus fill() override {
    if (std::exchange(unread_, false)) return IoStatus::ok;
    memory_.give_back();
    return inner().fill();
  }
  std::span<Slice> ready() override {
    if (unread_) return {};
    return first_.empty() ? inner().ready() : std::span(&first_, 1);
  }
  void consume(std::size_t bytes) override {
    const auto ours = std::min(bytes, first_.size());
    first_ = first_.subspan(ours);
    if (bytes > ours) inner().consume(bytes - ours);
  }
  void on_readable(Callback callback) override {
    if (!unread_) return inner().on_readable(std::move(callback));
    net::post(executor_, [callback = std::move(callback), alive = std::weak_ptr<int>(alive_)] {
      if (!alive.expired()) callback();
    });
  }
  // What was read before the end is still there to be read.
  void close() override {
    alive_.reset();
    inner().close();
  }

 private:
  net::any_io_executor executor_;
  PooledBuffer memory_;
  Slice first_;
  bool unread_;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace

std::unique_ptr<Stream> put_in_front(net::any_io_executor executor, std::string first,
                                     std::unique_ptr<Stream> stream) {
  if (first.empty()) return stream;
  return std::make_unique<StreamWithFirstBytes>(std::move(executor), first, std::move(stream));
}

Preamble::Preamble(net::any_io_executor executor, std::unique_ptr<Stream> stream)
    : executor_(std::move(executor)),
      stream_(std::move(stream)),
      event_(std::make_shared<Event>(executor_)) {}

// Until the stream's callback cancels the timer. False: it is late, or the caller is not wanted any more.
net::awaitable<bool> Preamble::wait(Deadline deadline) {
  if (event_->stopped) co_return false;
  event_->timer.expires_at(deadline);
  const auto [cancelled] = co_await event_->timer.async_wait(net::as_tuple(net::use_awaitable));
  const auto state = co_await net::this_coro::cancellation_state;
  const bool wanted = state.cancelled() == net::cancellation_type::none && !event_->stopped;
  co_return cancelled&& wanted;
}

std::function<void()> Preamble::stopper() const {
  return [weak = std::weak_ptr(event_)] {
    const auto event = weak.lock();
    if (!event) return;
    event->stopped = true;
    event->timer.cancel();
  };
}

net::awaitable<bool> Preamble::more(Deadline deadline) {
  for (;;) {
    const auto status = stream_->fill();
    if (status == IoStatus::ok) break;
    if (status != IoStatus::would_block) co_return false;
    stream_->on_readable([event = event_] { event->timer.cancel(); });
    const bool woken = co_await wait(deadline);
    if (!woken) co_return false;
  }
  std::size_t bytes = 0;
  for (const Slice slice : stream_->ready()) {
    read_.append(reinterpret_cast<const char*>(slice.data()), slice.size());
    bytes += slice.size();
  }
  stream_->consume(bytes);
  co_return true;
}

net::awaitable<std::optional<char>> Preamble::peek(Deadline deadline) {
  while (read_.empty()) {
    const bool come = co_await more(deadline);
    if (!come) co_return std::nullopt;
  }
  co_return read_.front();
}

net::awaitable<std::optional<std::string>> Preamble::line(std::size_t most, Deadline deadline) {
  for (;;) {
    const auto end = read_.find('\n');
    if (end < most) {
      auto found = read_.substr(0, end + 1);
      read_.erase(0, end + 1);
      co_return found;
    }
    if (end != std::string::npos || read_.size() >= most) co_return std::nullopt;
    const bool come = co_await more(deadline);
    if (!come) co_return std::nullopt;
  }
}

net::awaitable<bool> Preamble::say(std::string_view text, Deadline deadline) {
  PooledBuffer memory;
  memory.take(kHeadroom + text.size());
  std::memcpy(memory.data() + kHeadroom, text.data(), text.size());
  Slice left(memory.data() + kHeadroom, text.size());
  for (;;) {
    auto status = IoStatus::ok;
    if (!left.empty()) {
      std::array<Slice, 1> slices = {left};
      const auto took = stream_->take(slices);
      left = left.subspan(took.bytes);
      status = took.status;
    }
    if (status == IoStatus::ok) status = stream_->flush();
    if (status == IoStatus::ok) co_return true;
    if (status != IoStatus::would_block) co_return false;
    stream_->on_writable([event = event_] { event->timer.cancel(); });
    const bool woken = co_await wait(deadline);
    if (!woken) co_return false;
  }
}

net::awaitable<void> Preamble::end(Deadline deadline) {
  stream_->finish();
  // One who never stops sending gets no more than a turn among others, until the deadline.
  for (bool come = true; come && Clock::now() < deadline;) {
    read_.clear();
    co_await net::post(executor_, net::use_awaitable);
    come = co_await more(deadline);
  }
}

std::unique_ptr<Stream> Preamble::stream() && {
  return put_in_front(executor_, std::exchange(read_, {}), std::move(stream_));
}

}  // namespace cfpipe::tunnel
