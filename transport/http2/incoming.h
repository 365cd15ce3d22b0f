#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <utility>

#include "transport/http2/inbox.h"
#include "transport/http2/session.h"

namespace cfpipe::transport {

/// What the peer of a stream has done: its head, bytes that are not read yet, its end; and those who wait for
/// that. What has arrived stays readable after the stream has ended.
class H2Incoming {
 public:
  using Clock = std::chrono::steady_clock;
  using IoStatus = tunnel::IoStatus;
  explicit H2Incoming(boost::asio::any_io_executor executor) : executor_(std::move(executor)) {}

  // From the connection:
  void set_head(H2Head head, bool oversized);
  void add(std::span<const std::byte> data);
  void set_ended();
  void set_closed(std::uint32_t code);

  // From the stream:
  const H2Head& head() const { return head_; }
  H2Head take_head() { return std::exchange(head_, {}); }
  bool oversized() const { return oversized_; }
  bool closed() const { return closed_; }
  std::uint32_t code() const { return code_; }
  IoStatus read(std::span<std::byte> into, std::size_t& bytes);
  IoStatus read_block(tunnel::PooledBuffer& into, tunnel::Slice& got);
  void discard();
  /// Runs no callback and ends no wait with success any more. Returns how many bytes were never read.
  std::size_t drop();
  bool dropped() const { return alive_ == nullptr; }
  /// Expires with drop().
  std::weak_ptr<int> alive() const { return alive_; }
  void on_readable(std::function<void()> callback);
  void on_closed(std::function<void()> callback);
  /// Until there is a head (`for_head`) or something to read; false if it is closed before, or late.
  boost::asio::awaitable<bool> wait(bool for_head, Clock::time_point deadline);

 private:
  IoStatus nothing_read() const;
  void wake_reader();
  void post(std::function<void()> callback);

  boost::asio::any_io_executor executor_;
  H2Head head_;
  bool oversized_ = false;
  bool has_head_ = false;
  H2Inbox inbox_;
  std::size_t bytes_ = 0;    ///< that were not read
  bool discarding_ = false;  ///< what is in `bytes_` is not in `inbox_`
  bool ended_ = false;
  bool closed_ = false;  ///< both ways; `code_` says why
  std::uint32_t code_ = 0;

  std::function<void()> reader_;
  std::function<void()> gone_;
  std::shared_ptr<boost::asio::steady_timer> waiter_;  ///< of an await
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace cfpipe::transport
