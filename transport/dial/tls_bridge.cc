#include "transport/dial/tls_bridge.h"

#include <sys/socket.h>

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>
#include <memory>
#include <system_error>

#include "transport/http/message_io.h"
#include "transport/tls/channel.h"
#include "transport/tls/context.h"

namespace cfpipe::transport {
namespace net = boost::asio;
using net::ip::tcp;
namespace {

// Bytes that one direction carries at a time.
constexpr std::size_t kStep = 16 * 1024;
constexpr auto kNever = std::chrono::steady_clock::time_point::max();

struct Bridge {
  Bridge(std::unique_ptr<TlsChannel> f, tcp::socket n) : far(std::move(f)), near(std::move(n)) {}
  std::unique_ptr<TlsChannel> far;
  tcp::socket near;

  void close() {
    boost::system::error_code ignored;
    far->close();
    if (near.is_open()) near.close(ignored);
  }
};
using BridgePtr = std::shared_ptr<Bridge>;

net::awaitable<void> carry_up(BridgePtr bridge) {
  std::array<char, kStep> room;
  for (;;) {
    auto [error, bytes] =
        co_await bridge->near.async_read_some(net::buffer(room), net::as_tuple(net::use_awaitable));
    if (error) break;
    const auto written = co_await write_all(*bridge->far, {room.data(), bytes}, kNever);
    if (!written) break;
  }
  // If the near end has closed, no reader is left for the rest.
  if (bridge->near.is_open()) (void)bridge->far->close_notify();
  bridge->close();
}

net::awaitable<void> carry_down(BridgePtr bridge) {
  std::array<std::byte, kStep> room;
  for (;;) {
    std::size_t bytes = 0;
    const auto status = bridge->far->read(room, bytes);
    if (bytes > 0) {
      auto [error, sent] = co_await net::async_write(bridge->near, net::buffer(room.data(), bytes),
                                                     net::as_tuple(net::use_awaitable));
      if (error) break;
    }
    if (status == tunnel::IoStatus::ok) continue;
    if (status != tunnel::IoStatus::would_block) break;
    const bool readable = co_await bridge->far->readable(kNever);
    if (!readable) break;
  }
  // What was written to a Unix-domain socket before is still read on the other side.
  bridge->close();
}

Result<std::pair<tcp::socket, tcp::socket>> socket_pair(const net::any_io_executor& executor) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return Failure(Stage::proxy, Cause::unreachable, std::generic_category().message(errno));
  // Not TCP, but nothing here or in TlsChannel needs it to be.
  return std::pair(tcp::socket(executor, tcp::v4(), ends[0]), tcp::socket(executor, tcp::v4(), ends[1]));
}

}  // namespace

net::awaitable<Result<tcp::socket>> bridge_tls(tcp::socket socket, Host host, std::string ca_file,
                                               std::chrono::milliseconds limit) {
  const auto executor = socket.get_executor();
  const auto context = TlsClientContext::make(ca_file);
  if (!context) co_return context.error();
  auto channel = std::make_unique<TlsChannel>(std::move(socket), (*context)->connection(host));
  const auto shaken = co_await channel->handshake(limit, host.text());
  if (!shaken) co_return shaken.error();
  auto ends = socket_pair(executor);
  if (!ends) co_return ends.error();
  const auto bridge = std::make_shared<Bridge>(std::move(channel), std::move(ends->first));
  net::co_spawn(executor, carry_up(bridge), net::detached);
  net::co_spawn(executor, carry_down(bridge), net::detached);
  co_return std::move(ends->second);
}

}  // namespace cfpipe::transport
