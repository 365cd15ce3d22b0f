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
#include <string_view>

#include "base/error.h"
#include "transport/net/socket_channel.h"
#include "transport/tls/engine.h"
#include "transport/tls/handles.h"
#include "transport/tls/handshake.h"
#include "transport/tls/wire.h"
#include "tunnel/stream.h"

namespace cfpipe::transport {

/// Ciphertext collected before it is sent, in bytes: many records of 16 KiB share one system call.
inline constexpr std::size_t kSendBatch = 256 * 1024;

/// TLS over a connected TCP socket, either role, non-blocking. OpenSSL sits on a pair of flat buffers of ours
/// instead of the socket, so that one system call carries many records each way. Used from one thread. Held
/// at most: kSendBatch, one write() and kMaxUnasked of ciphertext out, kReceiveLarge in. What OpenSSL writes
/// while it reads is sent at once.
class TlsChannel final : public SocketChannel {
 public:
  /// Takes over the socket (made non-blocking) and the connection object, whose role is set.
  TlsChannel(boost::asio::ip::tcp::socket socket, SslPtr ssl);
  ~TlsChannel() override = default;

  /// `host` is for the message. A client whose session has room for it sends `early` with its first bytes:
  /// afterwards early_data_accepted() says whether that has arrived. Failures: Stage::tls.
  boost::asio::awaitable<Result<void>> handshake(std::chrono::milliseconds deadline, std::string host,
                                                 std::string_view early = {});
  bool early_data_accepted() const { return handshake_.early_data_accepted(); }

  /// A server's handshake with early data. Returns when the handshake is complete, when there is early data
  /// to read, or, for h2, when only the peer's Finished is missing, since an h2 server sends first. Until
  /// tls().established(), early data may be a replay, and writes leave before the peer has proved its key
  /// (RFC 8446 8). A peer that does not finish the handshake before the deadline is disconnected. Failures:
  /// Stage::tls.
  boost::asio::awaitable<Result<void>> accept(std::chrono::milliseconds deadline, std::string peer);
  /// Finishes such a handshake; what arrives meanwhile stays to be read. Failures: Stage::tls.
  boost::asio::awaitable<Result<void>> establish(std::chrono::milliseconds deadline, std::string peer);

  /// eof: close_notify. write() encrypts at once, and would block while kSendBatch is held; close_notify()
  /// is TLS's.
  IoStatus read(std::span<std::byte> into, std::size_t& bytes) override;
  IoStatus write(std::span<const std::byte> from) override;
  IoStatus flush() override;
  IoStatus close_notify() override;

  void on_readable(std::function<void()> callback) override;
  void on_writable(std::function<void()> callback) override;
  boost::asio::awaitable<bool> readable(std::chrono::steady_clock::time_point deadline) override;
  boost::asio::awaitable<bool> writable(std::chrono::steady_clock::time_point deadline) override;

  /// Once reading or writing has failed: what the server has said about the client's certificate after a
  /// handshake that was finished here, as TLS 1.3 has it. Looks at what is still to be read. Stage::tls,
  /// Cause::client_certificate_wanted.
  std::optional<Failure> refusal() override;
  /// True if the connection looks open and nothing unexpected has arrived: fit for another request.
  bool idle();
  bool in_flight() const override;
  std::optional<std::chrono::milliseconds> backed_up() const override;
  bool stranded() const override;
  void close() override { wire_.close(); }
  bool resets_on_close() const override { return true; }
  boost::asio::any_io_executor executor() override { return wire_.socket().get_executor(); }
  /// Ciphertext.
  std::size_t held() const override { return tls_.buffers().held(); }
  std::uint64_t queued() const override { return tls_.buffers().queued(); }
  boost::asio::ip::tcp::socket& socket() override { return wire_.socket(); }
  /// What was negotiated, and whether early data has come.
  const TlsEngine& tls() const { return tls_; }

 private:
  IoStatus after_read_error(int error);
  bool decrypt_and_answer(std::span<std::byte> into, std::size_t& got);

  TlsEngine tls_;
  TlsWire wire_;
  TlsHandshake handshake_;
  std::unique_ptr<std::string> certificate_alert_;  ///< as certificate_alert() has it
  bool notified_ = false;
};

}  // namespace cfpipe::transport
