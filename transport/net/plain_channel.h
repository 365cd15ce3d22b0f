#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>

#include "transport/net/socket_channel.h"
#include "tunnel/buffer_pool.h"

namespace cfpipe::transport {

/// Bytes that are collected before write() blocks, and one write() beyond them.
inline constexpr std::size_t kPlainSendBatch = 256 * 1024;

/// A connected TCP or Unix-domain socket without encryption, for a server behind a proxy that ends TLS.
/// Non-blocking, used from one thread. Held at most: kPlainSendBatch and one write().
class PlainChannel final : public SocketChannel {
 public:
  /// Takes over the socket (made non-blocking).
  explicit PlainChannel(boost::asio::ip::tcp::socket socket);
  ~PlainChannel() override;

  /// eof: the peer's FIN.
  IoStatus read(std::span<std::byte> into, std::size_t& bytes) override;
  IoStatus write(std::span<const std::byte> from) override;
  IoStatus flush() override;
  /// Our FIN, behind what is held.
  IoStatus close_notify() override;

  void on_readable(std::function<void()> callback) override;
  void on_writable(std::function<void()> callback) override;
  boost::asio::awaitable<bool> readable(std::chrono::steady_clock::time_point deadline) override;
  boost::asio::awaitable<bool> writable(std::chrono::steady_clock::time_point deadline) override;

  bool in_flight() const override;
  std::optional<std::chrono::milliseconds> backed_up() const override;
  bool stranded() const override;
  void close() override;
  bool resets_on_close() const override { return true; }
  boost::asio::any_io_executor executor() override { return socket_.get_executor(); }
  std::size_t held() const override { return end_ - begin_; }
  std::uint64_t queued() const override { return queued_; }
  boost::asio::ip::tcp::socket& socket() override { return socket_; }

 private:
  void append(std::span<const std::byte> from);

  boost::asio::ip::tcp::socket socket_;
  tunnel::PooledBuffer out_;  // only while there is something in it
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::uint64_t queued_ = 0;  ///< bytes of all writes
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
  bool is_local_ = false;  ///< the peer is of this machine: a Unix-domain socket
  bool notified_ = false;
  bool shut_ = false;
};

}  // namespace cfpipe::transport
