#pragma once

#include <openssl/ssl.h>

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
#include "transport/net/channel.h"
#include "transport/tls/context.h"
#include "transport/tls/peer.h"
#include "tunnel/stream.h"

namespace cfpipe::transport {

/// Ciphertext collected before it is sent, in bytes: many records of 16 KiB share one system call.
inline constexpr std::size_t kSendBatch = 256 * 1024;
/// Ciphertext received by one system call, in bytes: small at first, as much as the largest once a bulk
/// stream is seen.
inline constexpr std::size_t kReceiveSmall = 32 * 1024;
inline constexpr std::size_t kReceiveLarge = 512 * 1024;

/// Ciphertext that the peer may make OpenSSL write while it reads (alerts that refuse a renegotiation, for
/// example), in bytes, since application data last came and all that was written has left. The connection
/// fails beyond it.
inline constexpr std::size_t kMaxUnasked = 16 * 1024;

/// TLS over a connected TCP socket, either role, non-blocking. OpenSSL sits on a pair of flat buffers of ours
/// instead of the socket, so that one system call carries many records each way. Used from one thread. Held
/// at most: kSendBatch, one write() and kMaxUnasked of ciphertext out, kReceiveLarge in. What OpenSSL writes
/// while it reads is sent at once.
class TlsChannel final : public Channel {
 public:
  /// Takes over the socket (made non-blocking) and the connection object, whose role is set.
  TlsChannel(boost::asio::ip::tcp::socket socket, SslPtr ssl);
  ~TlsChannel() override;

  /// `host` is for the message. A client whose session has room for it sends `early` with its first bytes:
  /// afterwards early_data_accepted() says whether that has arrived. Failures: Stage::tls.
  boost::asio::awaitable<Result<void>> handshake(std::chrono::milliseconds deadline, std::string host,
                                                 std::string_view early = {});
  bool early_data_accepted() const { return early_accepted_; }

  /// A server's handshake with early data. Returns when the handshake is complete, when there is early data
  /// to read, or, for h2, when only the peer's Finished is missing, since an h2 server sends first. Until
  /// established(), early data may be a replay, and writes leave before the peer has proved its key (RFC 8446
  /// 8). A peer that does not finish the handshake before the deadline is disconnected. Failures: Stage::tls.
  boost::asio::awaitable<Result<void>> accept(std::chrono::milliseconds deadline, std::string peer);
  bool has_early_data() const { return early_data_held(); }
  bool established() const { return SSL_is_init_finished(ssl_.get()) == 1; }
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
  std::optional<Failure> refusal();
  /// True if the connection looks open and nothing unexpected has arrived: fit for another request.
  bool idle();
  bool in_flight() const override;
  std::optional<std::chrono::milliseconds> backed_up() const override;
  void close() override;
  bool resets_on_close() const override { return true; }
  boost::asio::any_io_executor executor() override { return socket_.get_executor(); }
  /// The protocol that ALPN chose (RFC 7301), or empty.
  std::string_view alpn() const;
  TlsPeer peer() const { return describe_peer(ssl_.get()); }
  /// Ciphertext in bytes: held here; all there was, held or sent.
  std::size_t held() const;
  std::uint64_t queued() const;
  boost::asio::ip::tcp::socket& socket() { return socket_; }

 private:
  struct Buffers;
  struct Early;
  using Clock = std::chrono::steady_clock;
  static BIO_METHOD* method();
  boost::asio::awaitable<Result<void>> exchange(int error, Clock::time_point deadline,
                                                const std::string& host);
  int decrypt(std::span<std::byte> into, std::size_t& got);
  int encrypt(std::span<const std::byte> from);
  void settle_early();
  void bound_handshake(Clock::time_point deadline);
  bool pending() const;
  bool early_data_held() const;
  bool receive(IoStatus& status);
  int decrypt_and_answer(std::span<std::byte> into, std::size_t& got);
  void send_unasked();
  IoStatus after_read_error(int error);
  boost::asio::awaitable<bool> wait(boost::asio::ip::tcp::socket::wait_type what,
                                    std::chrono::steady_clock::time_point deadline);

  boost::asio::ip::tcp::socket socket_;
  std::unique_ptr<Buffers> buffers_;
  SslPtr ssl_;
  std::shared_ptr<Early>
      early_;  ///< a server's, from the first early data until it has been read and finished
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
  std::unique_ptr<std::string> certificate_alert_;  ///< as certificate_alert() has it
  bool early_accepted_ = false;
  bool failed_ = false;
  bool starved_ = false;  ///< OpenSSL has read all that came, and wants more
  bool notified_ = false;
};

}  // namespace cfpipe::transport
