#include "transport/dial/proxy_dial.h"

#include <sys/socket.h>

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>

#include "base/deadline.h"
#include "transport/dial/proxy_handshake.h"
#include "transport/dial/tls_bridge.h"
#include "transport/net/happy_eyeballs.h"
#include "transport/net/resolve.h"

namespace cfpipe::transport {
namespace net = boost::asio;
using net::ip::tcp;
namespace {

// One look at what has arrived, in bytes.
constexpr std::size_t kLook = 4 * 1024;

Failure closed() {
  return {Stage::proxy, Cause::proxy_failed, "it closed the connection before it had answered"};
}

// Bytes behind the proxy's response stay in the socket: the tunnel's handshake reads them.
Result<std::string_view> look(tcp::socket& socket, std::array<char, kLook>& room) {
  for (;;) {
    const auto got = ::recv(socket.native_handle(), room.data(), room.size(), MSG_PEEK | MSG_DONTWAIT);
    if (got > 0) return std::string_view(room.data(), static_cast<std::size_t>(got));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return std::string_view();
    return closed();
  }
}

void take(tcp::socket& socket, std::array<char, kLook>& room, std::size_t bytes) {
  while (::recv(socket.native_handle(), room.data(), bytes, MSG_DONTWAIT) < 0 && errno == EINTR) continue;
}

net::awaitable<Result<void>> run_handshake(tcp::socket& socket, ProxyHandshake& handshake) {
  std::array<char, kLook> room{};
  Secret say = handshake.hello();
  for (;;) {
    const auto text = say.reveal();
    auto [unsent, sent] = co_await net::async_write(socket, net::buffer(text.data(), text.size()),
                                                    net::as_tuple(net::use_awaitable));
    if (unsent) co_return closed();
    auto [error] = co_await socket.async_wait(tcp::socket::wait_read, net::as_tuple(net::use_awaitable));
    if (error) co_return closed();
    const auto heard = look(socket, room);
    if (!heard) co_return heard.error();
    say = Secret();
    if (heard->empty()) continue;
    auto step = handshake.hear(*heard);
    if (!step) co_return step.error();
    take(socket, room, step->used);
    if (step->open) co_return Result<void>();
    say = std::move(step->say);
  }
}

net::awaitable<Result<void>> run_handshake_in_time(tcp::socket& socket, ProxyHandshake& handshake,
                                                   std::chrono::milliseconds limit) {
  const Deadline deadline(socket.get_executor(), limit, [&socket] {
    boost::system::error_code ignored;
    socket.cancel(ignored);
  });
  auto done = co_await run_handshake(socket, handshake);
  if (!done && deadline.expired()) co_return Failure(Stage::proxy, Cause::timed_out);
  co_return done;
}

net::awaitable<Result<tcp::socket>> reach(const Proxy& proxy, const DialOptions& options) {
  auto endpoints = co_await resolve(proxy.host, proxy.port, options.dns_deadline, options.lookups);
  if (!endpoints) co_return endpoints.error();
  Endpoints order = in_turns(*endpoints);
  std::string where = proxy.authority();
  auto socket = co_await connect_first(std::move(order), std::move(where), options.tcp_deadline);
  if (!socket || proxy.kind != ProxyKind::https) co_return socket;
  co_return co_await bridge_tls(std::move(*socket), proxy.host, options.ca_file, options.tls_deadline);
}

}  // namespace

net::awaitable<Result<tcp::socket>> dial_by_proxy(const Proxy& proxy, Host host, std::uint16_t port,
                                                  const DialOptions& options) {
  const std::string shown = host_and_port(host, port);
  if (proxy.kind == ProxyKind::socks5) {
    const auto found = co_await resolve(host, port, options.dns_deadline, options.lookups);
    if (!found) co_return found.error();
    host = Host(found->front().address());
  }
  auto socket = co_await reach(proxy, options);
  if (!socket) {
    Failure failure = socket.error();
    failure.stage = Stage::proxy;
    co_return failure;
  }
  const auto handshake = ask_proxy(proxy, host, port);
  const auto done = co_await run_handshake_in_time(*socket, *handshake, options.proxy_deadline);
  if (!done) {
    Failure failure = done.error();
    failure.detail = proxy.shown() + " to " + shown + (failure.detail.empty() ? "" : ": " + failure.detail);
    co_return failure;
  }
  co_return socket;
}

}  // namespace cfpipe::transport
