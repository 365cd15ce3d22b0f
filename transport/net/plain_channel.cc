#include "transport/net/plain_channel.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "transport/net/tcp_socket.h"

namespace cfpipe::transport {
namespace net = boost::asio;
using net::ip::tcp;
namespace {

/// What a buffer has at least, in bytes.
constexpr std::size_t kLeastBuffer = 4096;

bool is_unix(int fd) {
  int family = 0;
  socklen_t size = sizeof family;
  return ::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &size) == 0 && family == AF_UNIX;
}

}  // namespace

PlainChannel::PlainChannel(tcp::socket socket) : socket_(std::move(socket)) {
  boost::system::error_code ignored;
  socket_.non_blocking(true, ignored);
  is_local_ = is_unix(socket_.native_handle());
  if (!is_local_) keep_alive(socket_.native_handle());
}

PlainChannel::~PlainChannel() {
  PlainChannel::close();
}

void PlainChannel::close() {
  alive_.reset();
  boost::system::error_code ignored;
  if (socket_.is_open()) socket_.close(ignored);
}

tunnel::IoStatus PlainChannel::read(std::span<std::byte> into, std::size_t& bytes) {
  bytes = 0;
  if (!socket_.is_open()) return IoStatus::failed;
  for (;;) {
    const auto got = ::recv(socket_.native_handle(), into.data(), into.size(), MSG_DONTWAIT);
    if (got > 0) {
      bytes = static_cast<std::size_t>(got);
      return IoStatus::ok;
    }
    if (got == 0) return into.empty() ? IoStatus::ok : IoStatus::eof;
    if (errno == EINTR) continue;
    return errno == EAGAIN ? IoStatus::would_block : IoStatus::failed;
  }
}

void PlainChannel::append(std::span<const std::byte> from) {
  if (out_.size() - end_ < from.size()) {
    tunnel::PooledBuffer bigger;
    bigger.take(std::max({kLeastBuffer, held() + from.size(), std::min(2 * out_.size(), kPlainSendBatch)}));
    if (held() > 0) std::memcpy(bigger.data(), out_.data() + begin_, held());
    end_ = held();
    begin_ = 0;
    out_ = std::move(bigger);
  }
  std::memcpy(out_.data() + end_, from.data(), from.size());
  end_ += from.size();
  queued_ += from.size();
}

tunnel::IoStatus PlainChannel::write(std::span<const std::byte> from) {
  if (notified_ || !socket_.is_open() || from.size() > kMaxChannelWrite) return IoStatus::failed;
  if (held() >= kPlainSendBatch) {
    if (flush() == IoStatus::failed) return IoStatus::failed;
    if (held() >= kPlainSendBatch) return IoStatus::would_block;
  }
  if (!from.empty()) append(from);
  return IoStatus::ok;
}

tunnel::IoStatus PlainChannel::flush() {
  if (!socket_.is_open()) return IoStatus::failed;
  while (held() > 0) {
    const auto sent =
        ::send(socket_.native_handle(), out_.data() + begin_, held(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) {
      begin_ += static_cast<std::size_t>(sent);
      continue;
    }
    if (errno == EINTR) continue;
    return errno == EAGAIN ? IoStatus::would_block : IoStatus::failed;
  }
  out_.give_back();
  begin_ = end_ = 0;
  if (notified_ && !std::exchange(shut_, true)) ::shutdown(socket_.native_handle(), SHUT_WR);
  return IoStatus::ok;
}

tunnel::IoStatus PlainChannel::close_notify() {
  notified_ = true;
  return flush();
}

void PlainChannel::on_readable(std::function<void()> callback) {
  socket_.async_wait(tcp::socket::wait_read,
                     [callback = std::move(callback),
                      alive = std::weak_ptr<int>(alive_)](const boost::system::error_code& error) {
                       if (error != net::error::operation_aborted && !alive.expired()) callback();
                     });
}

void PlainChannel::on_writable(std::function<void()> callback) {
  socket_.async_wait(tcp::socket::wait_write,
                     [callback = std::move(callback),
                      alive = std::weak_ptr<int>(alive_)](const boost::system::error_code& error) {
                       if (error != net::error::operation_aborted && !alive.expired()) callback();
                     });
}

net::awaitable<bool> PlainChannel::readable(std::chrono::steady_clock::time_point deadline) {
  co_return co_await wait_for(socket_, tcp::socket::wait_read, deadline, alive_);
}

net::awaitable<bool> PlainChannel::writable(std::chrono::steady_clock::time_point deadline) {
  co_return co_await wait_for(socket_, tcp::socket::wait_write, deadline, alive_);
}

bool PlainChannel::in_flight() const {
  // native_handle() is not const, though it changes nothing.
  return held() > 0 || has_unacknowledged(const_cast<tcp::socket&>(socket_).native_handle());
}

std::optional<std::chrono::milliseconds> PlainChannel::backed_up() const {
  if (!in_flight()) return std::nullopt;
  // The peer's system is this one: it would have told of the peer's end.
  if (is_local_) return std::chrono::milliseconds(0);
  return last_acknowledged(const_cast<tcp::socket&>(socket_).native_handle());
}

bool PlainChannel::stranded() const {
  return address_is_gone(const_cast<tcp::socket&>(socket_).native_handle());
}

}  // namespace cfpipe::transport
