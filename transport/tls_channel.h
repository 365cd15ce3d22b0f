#pragma once

#include <openssl/ssl.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <span>

#include "transport/failure.h"
#include "transport/tls_context.h"
#include "tunnel/stream.h"

namespace cfpipe::transport {

/// Ciphertext that is collected before it is sent although more plain text may follow, in bytes: the system
/// call per 16 KiB record is what costs, so many records share one.
inline constexpr std::size_t kSendBatch = 256 * 1024;
/// Ciphertext received by one system call, in bytes: small at first, as much as the largest once a bulk
/// stream is seen.
inline constexpr std::size_t kReceiveSmall = 32 * 1024;
inline constexpr std::size_t kReceiveLarge = 512 * 1024;

/// TLS over a connected TCP socket, either role, non-blocking. OpenSSL sits on a pair of flat buffers of ours
/// instead of the socket, so that one system call carries many records each way. Used from one thread. Held
/// at most: kSendBatch and one write() of ciphertext out, kReceiveLarge in.
class TlsChannel {
 public:
  using IoStatus = tunnel::IoStatus;
  /// Takes over the socket (made non-blocking) and the connection object, whose role is set.
  TlsChannel(boost::asio::ip::tcp::socket socket, SslPtr ssl);
  ~TlsChannel();
  TlsChannel(const TlsChannel&) = delete;
  TlsChannel& operator=(const TlsChannel&) = delete;

  /// `host` is for the message. Failures: Stage::tls.
  boost::asio::awaitable<Result<void>> handshake(std::chrono::milliseconds deadline, std::string host);

  /// Plain text into `into`, as much as has arrived and fits. eof: close_notify. failed: the connection is
  /// gone.
  IoStatus read(std::span<std::byte> into, std::size_t& bytes);
  /// Encrypts all of `from` (at most 128 KiB), or would_block while kSendBatch is held. Does not send by
  /// itself.
  IoStatus write(std::span<const std::byte> from);
  /// Sends what is held.
  IoStatus flush();
  /// Queues close_notify (once) and flushes.
  IoStatus close_notify();

  /// One-shot; dropped by close(). Never run from inside the call.
  void on_readable(std::function<void()> callback);
  void on_writable(std::function<void()> callback);
  /// The same as awaits, false when `deadline` passed or the channel was closed. For control flow, not the
  /// data path.
  boost::asio::awaitable<bool> readable(std::chrono::steady_clock::time_point deadline);
  boost::asio::awaitable<bool> writable(std::chrono::steady_clock::time_point deadline);

  /// True if the connection looks open and nothing unexpected has arrived: fit for another request.
  bool idle();
  /// True while the peer's system has not acknowledged all that was written.
  bool in_flight() const;
  /// True if bytes of ours wait for a peer whose system still answers: it is slow, or does not read, but is
  /// not gone.
  bool backed_up() const;
  void close();
  boost::asio::any_io_executor executor() { return socket_.get_executor(); }
  boost::asio::ip::tcp::socket& socket() { return socket_; }

 private:
  struct Buffers;
  static BIO_METHOD* method();
  bool receive(IoStatus& status);
  IoStatus after_read_error(int error);
  boost::asio::awaitable<bool> wait(boost::asio::ip::tcp::socket::wait_type what,
                                    std::chrono::steady_clock::time_point deadline);

  boost::asio::ip::tcp::socket socket_;
  std::unique_ptr<Buffers> buffers_;
  SslPtr ssl_;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
  bool failed_ = false;
  bool notified_ = false;
};

}  // namespace cfpipe::transport
