#include "connector/tunnel/origin_dial.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstdint>
#include <optional>
#include <utility>

#include "base/deadline.h"
#include "base/shortage.h"
#include "base/text.h"
#include "transport/net/happy_eyeballs.h"
#include "transport/net/lookups.h"
#include "transport/net/resolve.h"
#include "transport/net/tcp_socket.h"
#include "tunnel/fd_stream.h"

namespace cfpipe::connector {
namespace net = boost::asio;
using auth::OriginFault;
using net::ip::tcp;
namespace {

OriginFault fault_of(const Failure& failure) {
  switch (failure.cause) {
    case Cause::refused:
      return OriginFault::refused;
    case Cause::timed_out:
      return OriginFault::timed_out;
    case Cause::system_short:
      return OriginFault::short_of;
    default:
      return failure.stage == Stage::dns ? OriginFault::no_address : OriginFault::unreachable;
  }
}

net::awaitable<Result<transport::Endpoints>> addresses_of(Host host, std::uint16_t port,
                                                          AllowList::Lookup how) {
  const bool by_dns = !host.address() && !host.is_localhost_name();
  if (!by_dns || how == AllowList::Lookup::as_listed)
    co_return co_await transport::resolve(host, port, kOriginLookupLimit);
  // With a dot at its end the C library does not go on with its search domains.
  auto found =
      co_await transport::Lookups::of_process().find(host.text() + ".", std::string(), kOriginLookupLimit);
  if (found)
    for (auto& endpoint : *found) endpoint.port(port);
  co_return found;
}

/// From that address. The port is chosen at connect(2), so that each address has all of them.
net::awaitable<DialledOrigin> connect_from(net::ip::address_v4 from, tcp::endpoint to) {
  const auto executor = co_await net::this_coro::executor;
  tcp::socket socket(executor);
  boost::system::error_code error;
  socket.open(tcp::v4(), error);
  if (!error) {
    const int late = 1;
    ::setsockopt(socket.native_handle(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &late, sizeof late);
    socket.bind(tcp::endpoint(from, 0), error);
  }
  if (error) co_return is_shortage(error.value()) ? OriginFault::short_of : OriginFault::unreachable;
  const Deadline deadline(executor, kOriginConnectLimit, [&socket] {
    boost::system::error_code ignored;
    socket.cancel(ignored);
  });
  const auto [failed] = co_await socket.async_connect(to, net::as_tuple(net::use_awaitable));
  if (deadline.expired()) co_return OriginFault::timed_out;
  if (failed == net::error::connection_refused) co_return OriginFault::refused;
  if (failed) co_return is_shortage(failed.value()) ? OriginFault::short_of : OriginFault::unreachable;
  boost::system::error_code ignored;
  socket.set_option(tcp::no_delay(true), ignored);
  co_return std::move(socket);
}

bool is_v4_loopback(const tcp::endpoint& endpoint) {
  return endpoint.address().is_v4() && endpoint.address().is_loopback();
}

}  // namespace

net::ip::address_v4 address_of_subject(std::string_view subject) {
  const std::string digest = sha256(subject);
  const auto at = [&digest](std::size_t i) { return static_cast<std::uint8_t>(digest[i]); };
  // Two bytes for each, so that the remainders are even enough.
  const auto inner = [&at](std::size_t i) {
    return static_cast<std::uint8_t>(1 + (256U * at(i) + at(i + 1)) % 254U);
  };
  return net::ip::address_v4({127, inner(0), at(2), inner(3)});
}

net::awaitable<DialledOrigin> dial_origin(std::shared_ptr<const TunnelRules> rules, Authority origin,
                                          std::string subject) {
  const std::uint16_t port = origin.port_or(0);
  const auto how = rules->origins.lookup(origin.host, port);
  if (how == AllowList::Lookup::none) co_return OriginFault::not_allowed;
  const auto found = co_await addresses_of(origin.host, port, how);
  if (!found) {
    // What a name leads to that no entry has is not the edge's to learn.
    const auto fault = fault_of(found.error());
    const bool hidden = how == AllowList::Lookup::exact && !rules->origins.names(origin.host, port);
    co_return hidden&& fault == OriginFault::no_address ? OriginFault::not_allowed : fault;
  }
  transport::Endpoints allowed = rules->origins.allowed(origin.host, *found);
  if (allowed.empty()) co_return OriginFault::not_allowed;
  std::optional<OriginFault> from_own;
  if (rules->per_user_addresses && !subject.empty()) {
    const auto loopback = std::find_if(allowed.begin(), allowed.end(), is_v4_loopback);
    if (loopback != allowed.end()) {
      auto dialled = co_await connect_from(address_of_subject(subject), *loopback);
      if (std::holds_alternative<tcp::socket>(dialled)) co_return std::move(dialled);
      from_own = std::get<OriginFault>(dialled);
      std::erase_if(allowed, is_v4_loopback);
      if (allowed.empty()) co_return *from_own;
    }
  }
  auto order = transport::in_turns(allowed);
  auto socket = co_await transport::connect_first(std::move(order), origin.text(), kOriginConnectLimit);
  if (socket) co_return std::move(*socket);
  co_return from_own.value_or(fault_of(socket.error()));
}

std::unique_ptr<tunnel::Stream> stream_of(const net::any_io_executor& executor, tcp::socket socket) {
  boost::system::error_code gone;
  const int fd = socket.release(gone);
  if (gone) return nullptr;
  transport::keep_alive(fd);
  const int at_once = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &at_once, sizeof at_once);
  return tunnel::make_tcp_stream(executor, fd);
}

}  // namespace cfpipe::connector
