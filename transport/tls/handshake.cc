#include "transport/tls/handshake.h"

#include <openssl/err.h>

#include <utility>

#include "transport/tls/context.h"

namespace cfpipe::transport {
namespace net = boost::asio;
using tunnel::IoStatus;

// Sends what a step of the handshake has written, and gets what it lacks.
net::awaitable<Result<void>> TlsHandshake::exchange(int error, Clock::time_point deadline,
                                                    const std::string& host) {
  const Failure late(Stage::tls, Cause::timed_out, host);
  // An alert that explains a failure is in the buffer too.
  IoStatus flushed = wire_.flush();
  while (flushed == IoStatus::would_block) {
    if (!co_await wire_.wait(net::ip::tcp::socket::wait_write, deadline)) co_return late;
    flushed = wire_.flush();
  }
  if (error == SSL_ERROR_NONE) co_return Result<void>();
  if (error != SSL_ERROR_WANT_READ || flushed == IoStatus::failed) co_return tls_failure(engine_.ssl(), host);
  IoStatus status = IoStatus::ok;
  while (!wire_.receive(status)) {
    if (status != IoStatus::would_block) co_return tls_failure(engine_.ssl(), host);
    if (!co_await wire_.wait(net::ip::tcp::socket::wait_read, deadline)) co_return late;
  }
  co_return Result<void>();
}

net::awaitable<Result<void>> TlsHandshake::run(std::chrono::milliseconds limit, std::string host,
                                               std::string_view early) {
  const auto deadline = Clock::now() + limit;
  SSL* const ssl = engine_.ssl();
  ERR_clear_error();
  std::size_t written = 0;
  if (!early.empty() && SSL_write_early_data(ssl, early.data(), early.size(), &written) != 1)
    co_return tls_failure(ssl, host);
  for (;;) {
    ERR_clear_error();
    const int result = SSL_do_handshake(ssl);
    const int error = result == 1 ? SSL_ERROR_NONE : SSL_get_error(ssl, result);
    const auto exchanged = co_await exchange(error, deadline, host);
    if (!exchanged) co_return exchanged.error();
    if (result == 1) break;
  }
  early_accepted_ = !early.empty() && SSL_get_early_data_status(ssl) == SSL_EARLY_DATA_ACCEPTED;
  co_return Result<void>();
}

// One step.
net::awaitable<Result<void>> TlsHandshake::read_early(Clock::time_point deadline, const std::string& peer) {
  ERR_clear_error();
  const int result = engine_.read_early();
  const int error = result == SSL_READ_EARLY_DATA_ERROR ? SSL_get_error(engine_.ssl(), 0)
                                                        : static_cast<int>(SSL_ERROR_NONE);
  co_return co_await exchange(error, deadline, peer);
}

net::awaitable<Result<void>> TlsHandshake::accept(std::chrono::milliseconds limit, std::string peer) {
  const auto deadline = Clock::now() + limit;
  engine_.begin_early();
  while (engine_.awaits_early()) {
    const auto step = co_await read_early(deadline, peer);
    if (!step) co_return step.error();
    if (engine_.has_early_data()) break;
  }
  if (engine_.has_early_data() || (!engine_.established() && engine_.alpn() == "h2")) {
    bound(deadline);
    co_return Result<void>();
  }
  engine_.forget_early();
  co_return co_await run(std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()), peer, {});
}

void TlsHandshake::bound(Clock::time_point deadline) {
  deadline_ = std::make_unique<net::steady_timer>(wire_.socket().get_executor(), deadline);
  deadline_->async_wait([this, alive = wire_.alive()](const boost::system::error_code& cancelled) {
    if (cancelled || alive.expired() || engine_.established()) return;
    wire_.shut_down();
  });
}

net::awaitable<Result<void>> TlsHandshake::establish(std::chrono::milliseconds limit, std::string peer) {
  const auto deadline = Clock::now() + limit;
  while (engine_.awaits_early()) {
    const auto step = co_await read_early(deadline, peer);
    if (!step) co_return step.error();
  }
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
  const auto finished = co_await run(left, peer, {});
  settle();
  co_return finished;
}

// Early data is over once it has been read and the handshake is finished. The tickets leave at once.
void TlsHandshake::settle() {
  if (!engine_.settle_early()) return;
  deadline_.reset();
  wire_.flush();
}

}  // namespace cfpipe::transport
