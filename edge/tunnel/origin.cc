#include "edge/tunnel/origin.h"

#include <spdlog/spdlog.h>
#include <sys/socket.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <utility>
#include <vector>

#include "base/access_headers.h"
#include "base/shortage.h"
#include "edge/http/responses.h"
#include "edge/policy/destination.h"
#include "transport/net/happy_eyeballs.h"
#include "transport/net/lookups.h"
#include "transport/net/resolve.h"

namespace cfpipe::edge {
namespace net = boost::asio;
namespace {

using Clock = std::chrono::steady_clock;
using UnixSocket = net::local::stream_protocol::socket;

/// A listener whose queue is full says so at once, and not when there is room.
constexpr std::chrono::milliseconds kQueuePause{20};

/// To users, who can only tell the edge's operator.
constexpr const char* kEdgeShort = "the edge has reached a limit of its system";

struct Down {
  std::string why;
  bool edge_short = false;  ///< of descriptors or memory: the origin may be well
};
using Dialled = std::variant<OriginSocket, Down>;

/// Of a name that a client has a part in, only those of that very name: with a dot at its end the C library
/// does not go on with its search domains (resolv.conf(5)), where a name that is not there may be another's.
net::awaitable<Result<transport::Endpoints>> addresses_of(const TunnelGrant& grant) {
  transport::LookupShare share(nullptr, grant.app_hostname);
  if (!grant.origin_by_host || grant.origin_host.is_localhost_name())
    co_return co_await transport::resolve(grant.origin_host, grant.origin_port, kOriginDeadline, share);
  auto found = co_await transport::Lookups::of_process().find(grant.origin_host.text() + ".", share.owner,
                                                              kOriginDeadline);
  if (found)
    for (auto& endpoint : *found) endpoint.port(grant.origin_port);
  co_return found;
}

net::awaitable<Dialled> dial_host(const TunnelGrant& grant) {
  auto found = co_await addresses_of(grant);
  if (!found && found.error().cause == Cause::system_short) co_return Down{kEdgeShort, true};
  if (!found) co_return Down{"it cannot be reached"};
  // A name under .localhost is loopback by its meaning (RFC 6761 6.3), which the configuration then named.
  const bool clients_choice = !grant.destination.empty() || grant.origin_by_host;
  const bool leads_anywhere =
      !clients_choice || grant.origin_host.address().has_value() || grant.origin_host.is_localhost_name();
  if (!leads_anywhere) {
    std::erase_if(*found, [](const auto& one) { return !names_may_lead_to(one.address()); });
    if (found->empty()) {
      spdlog::warn(
          "{}: {} resolves to this machine or its link, where no name leads that a client chooses; name the "
          "address if it is meant",
          grant.app_hostname, grant.origin_host.text());
      co_return Down{"its name leads to no address that it may"};
    }
  }
  auto order = transport::in_turns(*found);
  auto where = host_and_port(grant.origin_host, grant.origin_port);
  auto socket = co_await transport::connect_first(std::move(order), std::move(where), kOriginDeadline);
  if (socket) co_return OriginSocket(std::move(*socket));
  if (socket.error().cause == Cause::system_short) co_return Down{kEdgeShort, true};
  const bool refused = socket.error().cause == Cause::refused;
  co_return Down{refused ? "it refused the connection" : "it cannot be reached"};
}

// The path itself is for the edge's administrator, not for its users.
Down down_because(int error) {
  if (is_shortage(error)) return {kEdgeShort, true};
  switch (error) {
    case ENOENT:
      return {"its socket is not there"};
    case ECONNREFUSED:
      return {"no process listens on its socket"};
    case EACCES:
      return {"the edge is not allowed to use its socket"};
    case EAGAIN:
      return {"it takes no connections"};
    default:
      return {"it cannot be reached"};
  }
}

net::awaitable<Dialled> dial_path(const TunnelGrant& grant) {
  const auto executor = co_await net::this_coro::executor;
  boost::system::error_code error;
  UnixSocket socket(executor);
  socket.open(net::local::stream_protocol(), error);
  if (!error) socket.non_blocking(true, error);
  if (error) co_return down_because(error.value());
  const net::local::stream_protocol::endpoint to(grant.origin_path);
  const auto deadline = Clock::now() + kOriginDeadline;
  net::steady_timer pause(executor);
  while (::connect(socket.native_handle(), to.data(), static_cast<socklen_t>(to.size())) != 0) {
    const int why = errno;
    if ((why != EAGAIN && why != EINTR) || Clock::now() >= deadline) co_return down_because(why);
    pause.expires_after(kQueuePause);
    co_await pause.async_wait(net::as_tuple(net::use_awaitable));
  }
  co_return OriginSocket(std::move(socket));
}

// Once, and whole: the send buffer of a new connection has room for it.
bool introduce(OriginSocket& socket, const ConnectionEnds& ends) {
  const std::string header = proxy_header(ends);
  const auto sent = ::send(socket.native_handle(), header.data(), header.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  return sent == static_cast<ssize_t>(header.size());
}

}  // namespace

net::awaitable<std::variant<OriginSocket, Answer>> dial_origin(const TunnelGrant& grant,
                                                               const ConnectionEnds& ends) {
  Dialled dialled = Down{};
  if (grant.origin_path.empty()) {
    dialled = co_await dial_host(grant);
  } else {
    dialled = co_await dial_path(grant);
  }
  if (auto* socket = std::get_if<OriginSocket>(&dialled)) {
    if (!grant.proxy_protocol || introduce(*socket, ends)) co_return std::move(*socket);
    dialled = Down{"it closed the connection"};
  }
  const Down& down = std::get<Down>(dialled);
  const std::string reason = down.edge_short
                                 ? "the origin of " + grant.app_hostname + " cannot be asked: " + down.why
                                 : "the origin of " + grant.app_hostname + " is down: " + down.why;
  Answer answer = plain(down.edge_short ? 503 : 502, reason);
  answer.headers.emplace_back(kReasonHeader, reason);
  co_return answer;
}

std::string origin_text(const ApplicationConfig& app) {
  if (!app.origin_path.empty()) return "unix:" + app.origin_path;
  return host_and_port(app.origin_host, app.origin_port);
}

}  // namespace cfpipe::edge
