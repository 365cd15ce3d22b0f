#pragma once

#include <algorithm>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "transport/net/channel.h"
#include "transport/websocket/codec.h"

namespace cfpipe::testing {

/// A peer that takes everything and, unless it answers pings, never says a word.
class QuietChannel : public transport::Channel {
 public:
  QuietChannel(boost::asio::any_io_executor executor, std::vector<std::byte>& heard, bool answers)
      : executor_(std::move(executor)), heard_(heard), answers_(answers) {}

  tunnel::IoStatus read(std::span<std::byte> into, std::size_t& bytes) override {
    bytes = std::min(into.size(), to_say_.size());
    if (bytes == 0) return tunnel::IoStatus::would_block;
    std::copy_n(to_say_.begin(), bytes, into.begin());
    to_say_.erase(to_say_.begin(), to_say_.begin() + static_cast<std::ptrdiff_t>(bytes));
    return tunnel::IoStatus::ok;
  }
  tunnel::IoStatus write(std::span<const std::byte> from) override {
    heard_.insert(heard_.end(), from.begin(), from.end());
    if (answers_ && !from.empty()) {
      const auto pong = transport::control_frame(transport::WsOpcode::pong, {}, nullptr);
      say(pong);
    }
    return tunnel::IoStatus::ok;
  }
  tunnel::IoStatus flush() override { return tunnel::IoStatus::ok; }
  tunnel::IoStatus close_notify() override { return tunnel::IoStatus::ok; }
  void on_readable(std::function<void()> callback) override { reader_ = std::move(callback); }
  void on_writable(std::function<void()> callback) override {
    boost::asio::post(executor_, std::move(callback));
  }
  boost::asio::awaitable<bool> readable(std::chrono::steady_clock::time_point) override { co_return false; }
  boost::asio::awaitable<bool> writable(std::chrono::steady_clock::time_point) override { co_return true; }
  bool in_flight() const override { return false; }
  std::optional<std::chrono::milliseconds> backed_up() const override { return std::nullopt; }
  void close() override { reader_ = nullptr; }
  boost::asio::any_io_executor executor() override { return executor_; }

  /// The peer says these bytes next.
  void say(std::string_view text) {
    const auto bytes = std::as_bytes(std::span(text));
    to_say_.insert(to_say_.end(), bytes.begin(), bytes.end());
    wake_reader();
  }

 protected:
  void wake_reader() {
    if (reader_) boost::asio::post(executor_, std::exchange(reader_, nullptr));
  }

 private:
  boost::asio::any_io_executor executor_;
  std::vector<std::byte>& heard_;
  bool answers_;
  std::vector<std::byte> to_say_;
  std::function<void()> reader_;
};

}  // namespace cfpipe::testing
