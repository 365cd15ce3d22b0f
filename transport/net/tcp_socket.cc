#include "transport/net/tcp_socket.h"

#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>

#include "base/platform/own_file.h"
#include "transport/net/keepalive.h"
#include "transport/net/tcp_signs.h"

namespace cfpipe::transport {
namespace net = boost::asio;
using net::ip::tcp;
namespace {

/// The system's own look at an idle connection, in seconds: it finds a dead peer where no reader waits,
/// as behind a half-closed tunnel. It starts a little later than our own pings do, so that it adds nothing to
/// them, and is through with a dead peer when they would be.
constexpr int kKeepAliveIdle = 21;
constexpr int kKeepAliveEvery = 7;
constexpr int kKeepAliveTries = 3;

}  // namespace

void keep_alive(int fd) {
  const auto set = [fd](int level, int name, int value) {
    ::setsockopt(fd, level, name, &value, sizeof value);
  };
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, kKeepAliveIdle);
  set(IPPROTO_TCP, TCP_KEEPINTVL, kKeepAliveEvery);
  set(IPPROTO_TCP, TCP_KEEPCNT, kKeepAliveTries);
}

bool has_unacknowledged(int fd) {
  int unacknowledged = 0;
  return ::ioctl(fd, SIOCOUTQ, &unacknowledged) == 0 && unacknowledged > 0;
}

std::optional<std::chrono::milliseconds> last_acknowledged(int fd) {
  const auto signs = tcp_signs(fd);
  return signs ? last_sign(*signs) : std::nullopt;
}

// An address that is this machine's can be bound, on any port that is free.
bool address_is_gone(int fd) {
  sockaddr_storage here{};
  socklen_t size = sizeof here;
  auto* address = static_cast<sockaddr*>(static_cast<void*>(&here));
  if (::getsockname(fd, address, &size) != 0) return false;
  if (here.ss_family == AF_INET) {
    static_cast<sockaddr_in*>(static_cast<void*>(&here))->sin_port = 0;
  } else if (here.ss_family == AF_INET6) {
    static_cast<sockaddr_in6*>(static_cast<void*>(&here))->sin6_port = 0;
  } else {
    return false;
  }
  const Fd probe(::socket(here.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  return probe && ::bind(probe.get(), address, size) != 0 && errno == EADDRNOTAVAIL;
}

net::awaitable<bool> wait_for(tcp::socket& socket, tcp::socket::wait_type what,
                              std::chrono::steady_clock::time_point deadline, std::weak_ptr<int> alive) {
  // A peer that trickles bytes must not win every race against a deadline that has passed.
  if (deadline <= std::chrono::steady_clock::now()) co_return false;
  struct Race {
    bool over = false;
    bool expired = false;
  };
  const auto race = std::make_shared<Race>();
  net::steady_timer timer(socket.get_executor(), deadline);
  timer.async_wait([&socket, race, alive](const boost::system::error_code& cancelled) {
    if (cancelled || race->over || alive.expired()) return;
    race->expired = true;
    boost::system::error_code ignored;
    socket.cancel(ignored);
  });
  const auto [error] = co_await socket.async_wait(what, net::as_tuple(net::use_awaitable));
  race->over = true;
  co_return !error && !race->expired && !alive.expired();
}

}  // namespace cfpipe::transport
