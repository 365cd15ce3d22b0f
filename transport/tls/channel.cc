#include "transport/tls/channel.h"

#include <openssl/err.h>

#include <array>
#include <utility>

#include "transport/net/tcp_socket.h"
#include "transport/tls/client_certificate.h"

namespace cfpipe::transport {
namespace net = boost::asio;
using net::ip::tcp;
using tunnel::IoStatus;

TlsChannel::TlsChannel(tcp::socket socket, SslPtr ssl)
    : tls_(std::move(ssl)), wire_(std::move(socket), tls_.buffers()), handshake_(tls_, wire_) {}

net::awaitable<Result<void>> TlsChannel::handshake(std::chrono::milliseconds deadline, std::string host,
                                                   std::string_view early) {
  return handshake_.run(deadline, std::move(host), early);
}

net::awaitable<Result<void>> TlsChannel::accept(std::chrono::milliseconds deadline, std::string peer) {
  return handshake_.accept(deadline, std::move(peer));
}

net::awaitable<Result<void>> TlsChannel::establish(std::chrono::milliseconds deadline, std::string peer) {
  return handshake_.establish(deadline, std::move(peer));
}

IoStatus TlsChannel::after_read_error(int error) {
  if (error == SSL_ERROR_SSL) {
    if (auto alert = certificate_alert(tls_.ssl(), ERR_peek_last_error()))
      certificate_alert_ = std::make_unique<std::string>(std::move(*alert));
  }
  ERR_clear_error();
  if (error == SSL_ERROR_ZERO_RETURN) return IoStatus::eof;
  wire_.fail();
  return IoStatus::failed;
}

IoStatus TlsChannel::read(std::span<std::byte> into, std::size_t& bytes) {
  bytes = 0;
  if (wire_.failed() || !wire_.open()) return IoStatus::failed;
  // SSL_get_error() takes whatever an earlier user of this thread's error queue left there for its own.
  auto& buffers = tls_.buffers();
  if (!buffers.starved()) ERR_clear_error();
  while (bytes < into.size()) {
    if (!buffers.starved()) {
      std::size_t got = 0;
      if (decrypt_and_answer(into.subspan(bytes), got)) {
        bytes += got;
        continue;
      }
      if (wire_.failed()) return bytes > 0 ? IoStatus::ok : IoStatus::failed;
      const int error = SSL_get_error(tls_.ssl(), 0);
      // What came before the end is delivered first; the next call meets the same end again.
      if (error != SSL_ERROR_WANT_READ) return bytes > 0 ? IoStatus::ok : after_read_error(error);
      buffers.starve();
    }
    if (bytes > 0) return IoStatus::ok;
    IoStatus status = IoStatus::ok;
    if (!wire_.receive(status)) {
      wire_.flush_unasked();
      return status;
    }
    ERR_clear_error();
  }
  return IoStatus::ok;
}

// A peer can make OpenSSL answer while it reads: a request to renegotiate over TLS 1.2 is refused by an alert
// (RFC 5246 7.2.2). Nothing else may be written for a long time, so that has to leave from here, and a peer
// that asks again and again must not fill our memory.
bool TlsChannel::decrypt_and_answer(std::span<std::byte> into, std::size_t& got) {
  auto& buffers = tls_.buffers();
  const auto before = buffers.queued();
  const bool read = tls_.decrypt(into, got) == 1;
  handshake_.settle();
  if (buffers.queued() != before) wire_.flush_unasked();
  if (read) buffers.forgive_unasked();
  if (buffers.too_much()) wire_.fail();
  return read;
}

IoStatus TlsChannel::write(std::span<const std::byte> from) {
  if (wire_.failed() || notified_ || from.size() > kMaxChannelWrite) return IoStatus::failed;
  if (held() >= kSendBatch) {
    const auto flushed = flush();
    if (flushed == IoStatus::failed) return flushed;
    if (held() >= kSendBatch) return IoStatus::would_block;
  }
  if (from.empty()) return IoStatus::ok;
  if (tls_.encrypt(from) == 1) return IoStatus::ok;
  ERR_clear_error();
  wire_.fail();
  return IoStatus::failed;
}

IoStatus TlsChannel::flush() {
  return wire_.flush();
}

IoStatus TlsChannel::close_notify() {
  if (!notified_ && !wire_.failed() && tls_.established()) {
    SSL_shutdown(tls_.ssl());
    ERR_clear_error();
  }
  notified_ = true;
  return flush();
}

std::optional<Failure> TlsChannel::refusal() {
  std::array<std::byte, 1> last_words{};
  std::size_t got = 0;
  if (!certificate_alert_) (void)read(last_words, got);
  if (!certificate_alert_) return std::nullopt;
  return Failure(Stage::tls, Cause::client_certificate_wanted, *certificate_alert_);
}

void TlsChannel::on_readable(std::function<void()> callback) {
  if (tls_.pending() || wire_.failed()) return wire_.soon(std::move(callback));
  tls_.buffers().rest();  // a reader may stop before it meets would_block
  wire_.on(tcp::socket::wait_read, std::move(callback));
}

void TlsChannel::on_writable(std::function<void()> callback) {
  wire_.on(tcp::socket::wait_write, std::move(callback));
}

net::awaitable<bool> TlsChannel::readable(std::chrono::steady_clock::time_point deadline) {
  if (tls_.pending()) co_return true;
  tls_.buffers().rest();
  co_return co_await wire_.wait(tcp::socket::wait_read, deadline);
}

net::awaitable<bool> TlsChannel::writable(std::chrono::steady_clock::time_point deadline) {
  return wire_.wait(tcp::socket::wait_write, deadline);
}

bool TlsChannel::in_flight() const {
  return held() > 0 || has_unacknowledged(wire_.handle());
}

std::optional<std::chrono::milliseconds> TlsChannel::backed_up() const {
  if (!in_flight()) return std::nullopt;
  return last_acknowledged(wire_.handle());
}

bool TlsChannel::stranded() const {
  return address_is_gone(wire_.handle());
}

bool TlsChannel::idle() {
  if (wire_.failed() || notified_ || !wire_.open() || held() > 0) return false;
  ERR_clear_error();
  for (;;) {
    if (tls_.peek()) return false;
    const bool starves = held() == 0 && SSL_get_error(tls_.ssl(), 0) == SSL_ERROR_WANT_READ;
    ERR_clear_error();
    if (!starves) {
      wire_.flush_unasked();
      return false;
    }
    IoStatus status = IoStatus::ok;
    if (!wire_.receive(status)) return status == IoStatus::would_block;
  }
}

}  // namespace cfpipe::transport
