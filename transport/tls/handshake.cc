// The part of TlsChannel that is about handshakes and what may pass before they are finished.
#include <openssl/err.h>

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <cstring>

#include "transport/tls/channel.h"
#include "transport/tls/session.h"

namespace cfpipe::transport {
namespace net = boost::asio;

// Early data that has been decrypted and not been read yet, and whether more of it may come.
struct TlsChannel::Early {
  explicit Early(const net::any_io_executor& executor) : deadline(executor) {}
  std::vector<std::byte> held;  // kMaxEarlyData at most: OpenSSL takes no more
  std::size_t begin = 0;
  bool ended = false;
  net::steady_timer deadline;

  // One SSL_read_early_data() behind what is held.
  int read(SSL* ssl, std::size_t& got) {
    const auto before = held.size();
    held.resize(before + kMaxEarlyData);
    const int result = SSL_read_early_data(ssl, held.data() + before, kMaxEarlyData, &got);
    held.resize(before + (result == SSL_READ_EARLY_DATA_SUCCESS ? got : 0));
    if (result == SSL_READ_EARLY_DATA_FINISH) ended = true;
    return result;
  }
};

// Sends what a step of the handshake has written, and gets what it lacks.
net::awaitable<Result<void>> TlsChannel::exchange(int error, Clock::time_point deadline,
                                                  const std::string& host) {
  const Failure late(Stage::tls, Cause::timed_out, host);
  // An alert that explains a failure is in the buffer too.
  IoStatus flushed = flush();
  while (flushed == IoStatus::would_block) {
    if (!co_await writable(deadline)) co_return late;
    flushed = flush();
  }
  if (error == SSL_ERROR_NONE) co_return Result<void>();
  if (error != SSL_ERROR_WANT_READ || flushed == IoStatus::failed) co_return tls_failure(ssl_.get(), host);
  IoStatus status = IoStatus::ok;
  while (!receive(status)) {
    if (status != IoStatus::would_block) co_return tls_failure(ssl_.get(), host);
    if (!co_await wait(net::ip::tcp::socket::wait_read, deadline)) co_return late;
  }
  co_return Result<void>();
}

net::awaitable<Result<void>> TlsChannel::handshake(std::chrono::milliseconds limit, std::string host,
                                                   std::string_view early) {
  const auto deadline = Clock::now() + limit;
  ERR_clear_error();
  std::size_t written = 0;
  if (!early.empty() && SSL_write_early_data(ssl_.get(), early.data(), early.size(), &written) != 1)
    co_return tls_failure(ssl_.get(), host);
  for (;;) {
    ERR_clear_error();
    const int result = SSL_do_handshake(ssl_.get());
    const int error = result == 1 ? SSL_ERROR_NONE : SSL_get_error(ssl_.get(), result);
    const auto exchanged = co_await exchange(error, deadline, host);
    if (!exchanged) co_return exchanged.error();
    if (result == 1) break;
  }
  early_accepted_ = !early.empty() && SSL_get_early_data_status(ssl_.get()) == SSL_EARLY_DATA_ACCEPTED;
  co_return Result<void>();
}

net::awaitable<Result<void>> TlsChannel::accept(std::chrono::milliseconds limit, std::string peer) {
  const auto deadline = Clock::now() + limit;
  early_ = std::make_shared<Early>(socket_.get_executor());
  while (!early_->ended) {
    ERR_clear_error();
    std::size_t got = 0;
    const int result = early_->read(ssl_.get(), got);
    const int error =
        result == SSL_READ_EARLY_DATA_ERROR ? SSL_get_error(ssl_.get(), 0) : static_cast<int>(SSL_ERROR_NONE);
    const auto exchanged = co_await exchange(error, deadline, peer);
    if (!exchanged) co_return exchanged.error();
    if (early_data_held()) break;
  }
  if (early_data_held() || (!established() && alpn() == "h2")) {
    bound_handshake(deadline);
    co_return Result<void>();
  }
  early_.reset();
  co_return co_await handshake(std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()), peer);
}

void TlsChannel::bound_handshake(Clock::time_point deadline) {
  early_->deadline.expires_at(deadline);
  early_->deadline.async_wait(
      [this, alive = std::weak_ptr<int>(alive_)](const boost::system::error_code& cancelled) {
        if (cancelled || alive.expired() || established()) return;
        boost::system::error_code gone;
        socket_.shutdown(net::ip::tcp::socket::shutdown_both, gone);  // readers get EOF
      });
}

net::awaitable<Result<void>> TlsChannel::establish(std::chrono::milliseconds limit, std::string peer) {
  const auto deadline = Clock::now() + limit;
  while (early_ && !early_->ended) {
    ERR_clear_error();
    std::size_t got = 0;
    const int result = early_->read(ssl_.get(), got);
    const int error =
        result == SSL_READ_EARLY_DATA_ERROR ? SSL_get_error(ssl_.get(), 0) : static_cast<int>(SSL_ERROR_NONE);
    const auto exchanged = co_await exchange(error, deadline, peer);
    if (!exchanged) co_return exchanged.error();
  }
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
  const auto finished = co_await handshake(left, peer);
  settle_early();
  co_return finished;
}

bool TlsChannel::early_data_held() const {
  return early_ && early_->begin < early_->held.size();
}

// Early data is over once it has been read and the handshake is finished. The tickets leave at once.
void TlsChannel::settle_early() {
  if (!early_ || early_data_held() || !established()) return;
  early_.reset();
  flush();
}

int TlsChannel::decrypt(std::span<std::byte> into, std::size_t& got) {
  if (!early_) return SSL_read_ex(ssl_.get(), into.data(), into.size(), &got);
  while (!early_data_held() && !early_->ended) {
    early_->held.clear();
    early_->begin = 0;
    std::size_t more = 0;
    if (early_->read(ssl_.get(), more) == SSL_READ_EARLY_DATA_ERROR) return 0;
  }
  int result = 1;
  if (early_data_held()) {
    got = std::min(into.size(), early_->held.size() - early_->begin);
    std::memcpy(into.data(), early_->held.data() + early_->begin, got);
    early_->begin += got;
  } else {
    result = SSL_read_ex(ssl_.get(), into.data(), into.size(), &got);
  }
  settle_early();
  return result;
}

int TlsChannel::encrypt(std::span<const std::byte> from) {
  std::size_t written = 0;
  // A plain write would first insist on the end of the handshake.
  const auto put = early_ && !established() ? SSL_write_early_data : SSL_write_ex;
  return put(ssl_.get(), from.data(), from.size(), &written);
}

}  // namespace cfpipe::transport
