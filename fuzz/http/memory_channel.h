#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <cstring>
#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "transport/net/channel.h"

namespace cfpipe::fuzz {

/// A peer that sends these pieces, each as one read() or several and with a would_block in front of it, and
/// then ends as `end` says. What is written to it is gone.
class MemoryChannel final : public transport::Channel {
 public:
  MemoryChannel(boost::asio::any_io_executor executor, std::vector<std::string_view> pieces, IoStatus end)
      : executor_(std::move(executor)), pieces_(std::move(pieces)), end_(end) {}

  IoStatus read(std::span<std::byte> into, std::size_t& bytes) override {
    bytes = 0;
    if (next_ == pieces_.size()) return end_;
    if (!std::exchange(arrived_, true)) return IoStatus::would_block;
    auto& piece = pieces_[next_];
    bytes = std::min(into.size(), piece.size());
    if (bytes > 0) std::memcpy(into.data(), piece.data(), bytes);
    piece.remove_prefix(bytes);
    if (piece.empty()) {
      ++next_;
      arrived_ = false;
    }
    return IoStatus::ok;
  }
  IoStatus write(std::span<const std::byte>) override { return IoStatus::ok; }
  IoStatus flush() override { return IoStatus::ok; }
  IoStatus close_notify() override { return IoStatus::ok; }
  void on_readable(std::function<void()> callback) override {
    boost::asio::post(executor_, std::move(callback));
  }
  void on_writable(std::function<void()> callback) override {
    boost::asio::post(executor_, std::move(callback));
  }
  boost::asio::awaitable<bool> readable(std::chrono::steady_clock::time_point) override { co_return true; }
  boost::asio::awaitable<bool> writable(std::chrono::steady_clock::time_point) override { co_return true; }
  bool in_flight() const override { return false; }
  std::optional<std::chrono::milliseconds> backed_up() const override { return std::nullopt; }
  void close() override {}
  boost::asio::any_io_executor executor() override { return executor_; }

 private:
  boost::asio::any_io_executor executor_;
  std::vector<std::string_view> pieces_;  ///< none is empty
  IoStatus end_;
  std::size_t next_ = 0;
  bool arrived_ = false;
};

}  // namespace cfpipe::fuzz
