#include "transport/tls/wire.h"

#include <sys/socket.h>

#include <boost/asio/post.hpp>
#include <cerrno>
#include <utility>

#include "transport/net/tcp_socket.h"

namespace cfpipe::transport {
namespace net = boost::asio;
using net::ip::tcp;
using tunnel::IoStatus;

TlsWire::TlsWire(tcp::socket socket, TlsBuffers& buffers) : socket_(std::move(socket)), buffers_(buffers) {
  boost::system::error_code ignored;
  socket_.non_blocking(true, ignored);
  keep_alive(socket_.native_handle());
}

void TlsWire::close() {
  alive_.reset();
  boost::system::error_code ignored;
  if (socket_.is_open()) socket_.close(ignored);
}

void TlsWire::shut_down() {
  boost::system::error_code gone;
  socket_.shutdown(tcp::socket::shutdown_both, gone);
}

bool TlsWire::receive(IoStatus& status) {
  const auto room = buffers_.room();
  for (;;) {
    const auto got = room.empty() ? 0 : ::recv(socket_.native_handle(), room.data(), room.size(), 0);
    if (got >= 0) {
      buffers_.received(static_cast<std::size_t>(got));
      return true;
    }
    if (errno == EINTR) continue;
    status = errno == EAGAIN ? IoStatus::would_block : IoStatus::failed;
    if (status == IoStatus::failed) failed_ = true;
    buffers_.received_nothing();
    return false;
  }
}

IoStatus TlsWire::flush() {
  if (!socket_.is_open()) return IoStatus::failed;
  while (buffers_.held() > 0) {
    const auto out = buffers_.output();
    const auto sent = ::send(socket_.native_handle(), out.data(), out.size(), MSG_NOSIGNAL);
    if (sent >= 0) {
      buffers_.sent(static_cast<std::size_t>(sent));
      continue;
    }
    if (errno == EINTR) continue;
    return errno == EAGAIN ? IoStatus::would_block : IoStatus::failed;
  }
  buffers_.all_sent();
  return IoStatus::ok;
}

void TlsWire::flush_unasked() {
  if (buffers_.holds_unasked()) flush();
}

void TlsWire::on(WaitFor what, std::function<void()> callback) {
  socket_.async_wait(what, [callback = std::move(callback),
                            alive = std::weak_ptr<int>(alive_)](const boost::system::error_code& error) {
    if (error != net::error::operation_aborted && !alive.expired()) callback();
  });
}

void TlsWire::soon(std::function<void()> callback) {
  net::post(socket_.get_executor(), [callback = std::move(callback), alive = std::weak_ptr<int>(alive_)] {
    if (!alive.expired()) callback();
  });
}

net::awaitable<bool> TlsWire::wait(WaitFor what, std::chrono::steady_clock::time_point deadline) {
  co_return co_await wait_for(socket_, what, deadline, alive_);
}

}  // namespace cfpipe::transport
