#include "edge/listener/proxied_start.h"

#include <sys/socket.h>

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>

#include "base/deadline.h"

namespace cfpipe::edge {
namespace net = boost::asio;
using net::ip::tcp;
namespace {

/// Bytes looked at in one go: most headers are shorter.
constexpr std::size_t kLookBytes = 512;

enum class Look { some, would_block, ended };

/// Takes what has come of the header. What follows it must be left where it is, so it is looked at first.
Look take_some(int fd, ProxyHeaderReader& reader) {
  std::array<char, kLookBytes> room;
  ssize_t seen = 0;
  do seen = ::recv(fd, room.data(), room.size(), MSG_PEEK | MSG_DONTWAIT);
  while (seen < 0 && errno == EINTR);
  if (seen < 0) return errno == EAGAIN ? Look::would_block : Look::ended;
  if (seen == 0) return Look::ended;
  const auto taken = reader.take({room.data(), static_cast<std::size_t>(seen)});
  // These bytes are there: the call takes all of them.
  if (::recv(fd, room.data(), taken, MSG_DONTWAIT) != static_cast<ssize_t>(taken)) return Look::ended;
  return Look::some;
}

ProxiedStart bad(const char* fault) {
  ProxiedStart out;
  out.kind = ProxiedStart::Kind::bad;
  out.fault = fault;
  return out;
}

}  // namespace

net::awaitable<ProxiedStart> read_proxied_start(tcp::socket& socket, std::chrono::milliseconds limit) {
  ProxyHeaderReader reader;
  const Deadline deadline(socket.get_executor(), limit, [&socket] {
    boost::system::error_code ignored;
    socket.cancel(ignored);
  });
  while (!reader.over()) {
    const Look look = take_some(socket.native_handle(), reader);
    if (look == Look::ended && !reader.begun()) co_return ProxiedStart();
    if (look == Look::ended) co_return bad("it is cut short");
    if (look == Look::some) continue;
    if (!deadline.expired())
      co_await socket.async_wait(tcp::socket::wait_read, net::as_tuple(net::use_awaitable));
    if (deadline.expired()) co_return bad("it does not come in time");
  }
  if (reader.fault() != nullptr) co_return bad(reader.fault());
  ProxiedStart out;
  out.kind = ProxiedStart::Kind::read;
  out.ends = reader.ends();
  co_return out;
}

}  // namespace cfpipe::edge
