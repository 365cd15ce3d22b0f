#include "transport/tls/channel.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <cstring>

#include "transport/net/tcp_socket.h"
#include "transport/tls/client_certificate.h"
#include "tunnel/buffer_pool.h"

namespace cfpipe::transport {
namespace net = boost::asio;
using net::ip::tcp;
namespace {

/// Receives in a row that would have fitted the small buffer before the large one is given back.
constexpr int kSmallReceivesToShrink = 64;
}  // namespace

// What OpenSSL sees as its wire. Invariant: the input is read by OpenSSL to its end before it asks for more,
// so a receive always starts at the front of the buffer.
struct TlsChannel::Buffers {
  tunnel::PooledBuffer in;  // only while there is something in it, as `out`
  std::size_t in_begin = 0;
  std::size_t in_end = 0;
  bool in_eof = false;
  bool want_large = false;
  int small_receives = 0;

  tunnel::PooledBuffer out;
  std::size_t out_wanted = 4096;  // what was enough so far, in bytes
  std::size_t out_begin = 0;
  std::size_t out_end = 0;
  std::uint64_t out_total = 0;

  bool reading = false;     // what is appended now, OpenSSL writes by itself
  std::size_t unasked = 0;  // so much of that, in bytes, as kMaxUnasked bounds it
  bool too_much = false;    // it wanted to write more

  std::size_t held() const { return out_end - out_begin; }

  std::size_t take(char* into, std::size_t size) {
    const auto count = std::min(size, in_end - in_begin);
    if (count == 0) return 0;  // there may be no buffer yet
    std::memcpy(into, in.data() + in_begin, count);
    in_begin += count;
    return count;
  }

  void append(const char* data, std::size_t size) {
    if (out_begin == out_end) out_begin = out_end = 0;
    if (out.size() - out_end < size) make_room(size);
    std::memcpy(out.data() + out_end, data, size);
    out_end += size;
    out_total += size;
  }

  bool may_add_unasked(std::size_t size) {
    unasked += size;
    too_much = too_much || unasked > kMaxUnasked;
    return !too_much;
  }

  void make_room(std::size_t size) {
    const auto kept = held();
    if (kept + size <= out.size()) {
      std::memmove(out.data(), out.data() + out_begin, kept);
      out_begin = 0;
      out_end = kept;
      return;
    }
    while (out_wanted < kept + size) out_wanted *= 2;
    tunnel::PooledBuffer bigger;
    bigger.take(out_wanted);
    if (kept > 0) std::memcpy(bigger.data(), out.data() + out_begin, kept);
    out = std::move(bigger);
    out_begin = 0;
    out_end = kept;
  }

  void prepare_receive() { in.take(want_large ? kReceiveLarge : kReceiveSmall); }

  // Invariant: nothing is received while `in` still holds something.
  void received_nothing() {
    in.give_back();
    in_begin = in_end = 0;
  }

  void all_sent() {
    out.give_back();
    out_begin = out_end = 0;
  }

  void received(std::size_t bytes) {
    in_begin = 0;
    in_end = bytes;
    if (bytes == in.size()) {
      want_large = true;
      small_receives = 0;
    } else if (bytes < kReceiveSmall && ++small_receives == kSmallReceivesToShrink) {
      want_large = false;
      small_receives = 0;
    }
  }
};

namespace {

long bio_control(BIO*, int command, long, void*) {
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

}  // namespace

BIO_METHOD* TlsChannel::method() {
  static BIO_METHOD* const made = [] {
    BIO_METHOD* m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "batch");
    BIO_meth_set_write_ex(m, [](BIO* bio, const char* data, std::size_t size, std::size_t* written) {
      auto& buffers = *static_cast<Buffers*>(BIO_get_data(bio));
      *written = 0;
      if (buffers.reading && !buffers.may_add_unasked(size)) return 0;
      buffers.append(data, size);
      *written = size;
      return 1;
    });
    BIO_meth_set_read_ex(m, [](BIO* bio, char* into, std::size_t size, std::size_t* got) {
      auto& buffers = *static_cast<Buffers*>(BIO_get_data(bio));
      BIO_clear_retry_flags(bio);
      *got = buffers.take(into, size);
      if (*got > 0) return 1;
      if (!buffers.in_eof) BIO_set_retry_read(bio);
      return 0;
    });
    BIO_meth_set_ctrl(m, bio_control);
    return m;
  }();
  return made;
}

TlsChannel::TlsChannel(tcp::socket socket, SslPtr ssl)
    : socket_(std::move(socket)), buffers_(std::make_unique<Buffers>()), ssl_(std::move(ssl)) {
  boost::system::error_code ignored;
  socket_.non_blocking(true, ignored);
  keep_alive(socket_.native_handle());
  BIO* bio = BIO_new(method());
  BIO_set_data(bio, buffers_.get());
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_.get(), bio, bio);
}

TlsChannel::~TlsChannel() {
  // A server's OpenSSL forgets the session of a connection that ended without close_notify, and with it the
  // ticket it has just handed out. But those who were cut off are those who come back, and a ticket is as
  // good as it was (RFC 8446 6.2).
  if (established()) SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  TlsChannel::close();
}

void TlsChannel::close() {
  alive_.reset();
  boost::system::error_code ignored;
  if (socket_.is_open()) socket_.close(ignored);
}

// One system call's worth of ciphertext. False: nothing came, `status` says why.
bool TlsChannel::receive(IoStatus& status) {
  auto& b = *buffers_;
  if (!b.in_eof) b.prepare_receive();
  for (;;) {
    const auto got = b.in_eof ? 0 : ::recv(socket_.native_handle(), b.in.data(), b.in.size(), 0);
    if (got >= 0) {
      b.in_eof = got == 0;
      if (got > 0) b.received(static_cast<std::size_t>(got));
      starved_ = false;
      return true;
    }
    if (errno == EINTR) continue;
    status = errno == EAGAIN ? IoStatus::would_block : IoStatus::failed;
    if (status == IoStatus::failed) failed_ = true;
    b.received_nothing();
    return false;
  }
}

tunnel::IoStatus TlsChannel::after_read_error(int error) {
  if (error == SSL_ERROR_SSL) {
    if (auto alert = certificate_alert(ssl_.get(), ERR_peek_last_error()))
      certificate_alert_ = std::make_unique<std::string>(std::move(*alert));
  }
  ERR_clear_error();
  if (error == SSL_ERROR_ZERO_RETURN) return IoStatus::eof;
  failed_ = true;
  return IoStatus::failed;
}

tunnel::IoStatus TlsChannel::read(std::span<std::byte> into, std::size_t& bytes) {
  bytes = 0;
  if (failed_ || !socket_.is_open()) return IoStatus::failed;
  // SSL_get_error() takes whatever an earlier user of this thread's error queue left there for its own.
  if (!starved_) ERR_clear_error();
  while (bytes < into.size()) {
    if (!starved_) {
      std::size_t got = 0;
      if (decrypt_and_answer(into.subspan(bytes), got) == 1) {
        bytes += got;
        continue;
      }
      if (failed_) return bytes > 0 ? IoStatus::ok : IoStatus::failed;
      const int error = SSL_get_error(ssl_.get(), 0);
      // What came before the end is delivered first; the next call meets the same end again.
      if (error != SSL_ERROR_WANT_READ) return bytes > 0 ? IoStatus::ok : after_read_error(error);
      starved_ = true;
    }
    if (bytes > 0) return IoStatus::ok;
    IoStatus status = IoStatus::ok;
    if (!receive(status)) {
      send_unasked();
      return status;
    }
    ERR_clear_error();
  }
  return IoStatus::ok;
}

// A peer can make OpenSSL answer while it reads: a request to renegotiate over TLS 1.2 is refused by an alert
// (RFC 5246 7.2.2). Nothing else may be written for a long time, so that has to leave from here, and a peer
// that asks again and again must not fill our memory.
int TlsChannel::decrypt_and_answer(std::span<std::byte> into, std::size_t& got) {
  auto& b = *buffers_;
  const auto before = b.out_total;
  b.reading = true;
  const int result = decrypt(into, got);
  b.reading = false;
  if (b.out_total != before) send_unasked();
  if (result == 1 && b.held() == 0) b.unasked = 0;
  if (b.too_much) failed_ = true;
  return result;
}

void TlsChannel::send_unasked() {
  if (buffers_->unasked > 0 && buffers_->held() > 0) flush();
}

tunnel::IoStatus TlsChannel::write(std::span<const std::byte> from) {
  if (failed_ || notified_ || from.size() > kMaxChannelWrite) return IoStatus::failed;
  if (buffers_->held() >= kSendBatch) {
    const auto flushed = flush();
    if (flushed == IoStatus::failed) return flushed;
    if (buffers_->held() >= kSendBatch) return IoStatus::would_block;
  }
  if (from.empty()) return IoStatus::ok;
  if (encrypt(from) == 1) return IoStatus::ok;
  ERR_clear_error();
  failed_ = true;
  return IoStatus::failed;
}

tunnel::IoStatus TlsChannel::flush() {
  auto& b = *buffers_;
  if (!socket_.is_open()) return IoStatus::failed;
  while (b.held() > 0) {
    const auto sent = ::send(socket_.native_handle(), b.out.data() + b.out_begin, b.held(), MSG_NOSIGNAL);
    if (sent >= 0) {
      b.out_begin += static_cast<std::size_t>(sent);
      continue;
    }
    if (errno == EINTR) continue;
    return errno == EAGAIN ? IoStatus::would_block : IoStatus::failed;
  }
  b.all_sent();
  return IoStatus::ok;
}

tunnel::IoStatus TlsChannel::close_notify() {
  if (!notified_ && !failed_ && established()) {
    SSL_shutdown(ssl_.get());
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

// Records that a full buffer left behind are as good as readable, and no event of the socket will tell of
// them.
bool TlsChannel::pending() const {
  return buffers_->in_begin < buffers_->in_end || buffers_->in_eof || SSL_pending(ssl_.get()) > 0 ||
         early_data_held();
}

void TlsChannel::on_readable(std::function<void()> callback) {
  auto run = [callback = std::move(callback), alive = std::weak_ptr<int>(alive_)] {
    if (!alive.expired()) callback();
  };
  if (pending() || failed_) return net::post(socket_.get_executor(), std::move(run));
  socket_.async_wait(tcp::socket::wait_read, [run = std::move(run)](const boost::system::error_code& error) {
    if (error != net::error::operation_aborted) run();
  });
}

void TlsChannel::on_writable(std::function<void()> callback) {
  socket_.async_wait(tcp::socket::wait_write,
                     [callback = std::move(callback),
                      alive = std::weak_ptr<int>(alive_)](const boost::system::error_code& error) {
                       if (error != net::error::operation_aborted && !alive.expired()) callback();
                     });
}

net::awaitable<bool> TlsChannel::wait(tcp::socket::wait_type what,
                                      std::chrono::steady_clock::time_point deadline) {
  co_return co_await wait_for(socket_, what, deadline, alive_);
}

net::awaitable<bool> TlsChannel::readable(std::chrono::steady_clock::time_point deadline) {
  if (pending()) co_return true;
  co_return co_await wait(tcp::socket::wait_read, deadline);
}

net::awaitable<bool> TlsChannel::writable(std::chrono::steady_clock::time_point deadline) {
  co_return co_await wait(tcp::socket::wait_write, deadline);
}

std::string_view TlsChannel::alpn() const {
  const unsigned char* name = nullptr;
  unsigned int size = 0;
  SSL_get0_alpn_selected(ssl_.get(), &name, &size);
  return {reinterpret_cast<const char*>(name), size};
}

std::size_t TlsChannel::held() const {
  return buffers_->held();
}

std::uint64_t TlsChannel::queued() const {
  return buffers_->out_total;
}

bool TlsChannel::in_flight() const {
  if (buffers_->held() > 0) return true;
  // native_handle() is not const, though it changes nothing.
  return has_unacknowledged(const_cast<tcp::socket&>(socket_).native_handle());
}

std::optional<std::chrono::milliseconds> TlsChannel::backed_up() const {
  if (!in_flight()) return std::nullopt;
  return last_acknowledged(const_cast<tcp::socket&>(socket_).native_handle());
}

bool TlsChannel::idle() {
  if (failed_ || notified_ || !socket_.is_open() || buffers_->held() > 0) return false;
  ERR_clear_error();
  for (;;) {
    std::byte one{};
    std::size_t got = 0;
    buffers_->reading = true;
    const int peeked = SSL_peek_ex(ssl_.get(), &one, 1, &got);
    buffers_->reading = false;
    if (peeked == 1) return false;
    if (buffers_->held() > 0) {
      send_unasked();
      ERR_clear_error();
      return false;
    }
    if (SSL_get_error(ssl_.get(), 0) != SSL_ERROR_WANT_READ) {
      ERR_clear_error();
      return false;
    }
    IoStatus status = IoStatus::ok;
    if (!receive(status)) return status == IoStatus::would_block;
  }
}

}  // namespace cfpipe::transport
