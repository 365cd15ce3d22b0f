#include "cli/session/local_listener.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/log.h"
#include "base/shortage.h"
#include "transport/net/resolve.h"

namespace cfpipe::cli {
namespace {

namespace net = boost::asio;
using net::ip::tcp;

/// Connections that wait to be accepted.
constexpr int kBacklog = 128;
/// Timeout for the lookup of the name to listen on.
constexpr std::chrono::milliseconds kLookupLimit{5'000};
/// Pause after accept() has failed for want of descriptors or memory.
constexpr std::chrono::milliseconds kAcceptPause{100};

Failure cannot_listen(const std::string& shown, int error) {
  return system_failure(Stage::listen, Cause::cannot_listen, shown, error);
}

std::string shown(const tcp::endpoint& endpoint) {
  const auto address = endpoint.address().to_string();
  return (endpoint.address().is_v6() ? "[" + address + "]" : address) + ":" + std::to_string(endpoint.port());
}

/// Listens there, and says in `endpoint` where that turned out to be.
Result<auth::OwnSocket> listen_tcp(tcp::endpoint& endpoint) {
  auth::OwnSocket socket;
  const int family = endpoint.protocol().family();
  socket.fd = Fd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int on = 1;
  auto size = static_cast<socklen_t>(endpoint.size());
  const bool listens =
      socket.fd && ::setsockopt(socket.fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
      ::bind(socket.fd.get(), endpoint.data(), size) == 0 && ::listen(socket.fd.get(), kBacklog) == 0;
  if (!listens) return cannot_listen(shown(endpoint), errno);
  size = static_cast<socklen_t>(endpoint.capacity());
  if (::getsockname(socket.fd.get(), endpoint.data(), &size) != 0)
    return cannot_listen(shown(endpoint), errno);
  return socket;
}

/// For a peer on this machine the first is of no use and no harm.
void set_tcp_options(int fd) {
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

}  // namespace

LocalListener::LocalListener(net::any_io_executor executor, auth::OwnSocket socket, std::string path,
                             std::string shown, bool reachable)
    : ready_(executor, socket.fd.get()),
      pause_(executor),
      socket_(std::move(socket)),
      path_(std::move(path)),
      shown_(std::move(shown)),
      reachable_(reachable) {}

net::awaitable<Result<std::unique_ptr<LocalListener>>> LocalListener::open(net::any_io_executor executor,
                                                                           ListenAddress address) {
  using Made = std::unique_ptr<LocalListener>;
  if (!address.socket_path.empty()) {
    auto socket = auth::listen_own_socket(address.socket_path, auth::IfTaken::replace_dead);
    if (!socket) {
      const bool system_short = socket.error().cause == Cause::system_short;
      co_return Failure(Stage::listen, system_short ? Cause::system_short : Cause::cannot_listen,
                        socket.error().detail);
    }
    co_return Made(
        new LocalListener(executor, std::move(*socket), address.socket_path, address.socket_path, false));
  }
  const auto endpoints = co_await transport::resolve(address.host, address.port, kLookupLimit);
  if (!endpoints) co_return endpoints.error();
  auto endpoint = endpoints->front();
  auto socket = listen_tcp(endpoint);
  if (!socket) co_return socket.error();
  const bool reachable = !endpoint.address().is_loopback();
  co_return Made(
      new LocalListener(executor, std::move(*socket), std::string(), cli::shown(endpoint), reachable));
}

LocalListener::~LocalListener() {
  if (!path_.empty()) auth::remove_own_socket(path_, socket_.device, socket_.inode);
  ready_.release();
}

net::awaitable<Fd> LocalListener::accept() {
  while (!closed_) {
    Fd connection(::accept4(socket_.fd.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (connection) {
      short_ = false;
      if (path_.empty()) set_tcp_options(connection.get());
      co_return connection;
    }
    if (errno == EAGAIN) {
      co_await ready_.async_wait(net::posix::descriptor_base::wait_read, net::as_tuple(net::use_awaitable));
    } else if (is_shortage(errno)) {
      if (!std::exchange(short_, true)) spdlog::warn("{}: accept: {}", shown_, std::strerror(errno));
      pause_.expires_after(kAcceptPause);
      co_await pause_.async_wait(net::as_tuple(net::use_awaitable));
    }  // else: one that went away before it was accepted
  }
  co_return Fd();
}

void LocalListener::close() {
  closed_ = true;
  boost::system::error_code ignored;
  ready_.cancel(ignored);
  pause_.cancel();
}

}  // namespace cfpipe::cli
