#include "edge/tunnel/origin.h"

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
#include "base/log.h"
#include "base/shortage.h"
#include "edge/http/responses.h"
#include "edge/policy/destination.h"
#include "transport/net/happy_eyeballs.h"
#include "transport/net/lookups.h"
#include "transport/net/resolve.h"
#include "tunnel/fd_stream.h"

namespace cfpipe::edge {
namespace net = boost::asio;
namespace {

using Clock = std::chrono::steady_clock;
using UnixSocket = net::local::stream_protocol::socket;

/// A listener whose queue is full says so at once, and not when there is room.
constexpr std::chrono::milliseconds kQueuePause{20};

/// To users, who can only tell the edge's operator.
constexpr const char* kEdgeShort = "the edge has reached a limit of its system";

/// Of a name that a client has a part in, only those of that very name: with a dot at its end the C library
/// does not go on with its search domains (resolv.conf(5)), where a name that is not there may be another's.
net::awaitable<Result<transport::Endpoints>> addresses_of(const std::string& owner, const Host& host,
                                                          std::uint16_t port, NamedBy named_by) {
  transport::LookupShare share(nullptr, owner);
  if (named_by != NamedBy::pattern || host.is_localhost_name())
    co_return co_await transport::resolve(host, port, kOriginDeadline, share);
  auto found =
      co_await transport::Lookups::of_process().find(host.text() + ".", share.owner, kOriginDeadline);
  if (found)
    for (auto& endpoint : *found) endpoint.port(port);
  co_return found;
}

// The path itself is for the edge's administrator, not for its users.
const char* words_for(int error) {
  switch (error) {
    case ENOENT:
      return "its socket is not there";
    case ECONNREFUSED:
      return "no process listens on its socket";
    case EACCES:
      return "the edge is not allowed to use its socket";
    case EAGAIN:
      return "it takes no connections";
    default:
      return "it cannot be reached";
  }
}

// Once, and whole: the send buffer of a new connection has room for it.
bool introduce(OriginSocket& socket, const ConnectionEnds& ends) {
  const std::string header = proxy_header(ends);
  const auto sent = ::send(socket.native_handle(), header.data(), header.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  return sent == static_cast<ssize_t>(header.size());
}

}  // namespace

net::awaitable<Origin::Dialled> TcpOrigin::open_socket(const TunnelGrant&, const ConnectionEnds&) const {
  auto found = co_await addresses_of(application(), host_, port_, named_by_);
  if (!found && found.error().cause == Cause::system_short) co_return Down{kEdgeShort, true};
  if (!found) co_return Down{"it cannot be reached"};
  // A name under .localhost is loopback by its meaning (RFC 6761 6.3), which the configuration then named.
  const bool leads_anywhere = !chosen_by_client() || host_.address().has_value() || host_.is_localhost_name();
  if (!leads_anywhere) {
    std::erase_if(*found, [](const auto& one) { return !names_may_lead_to(one.address()); });
    if (found->empty()) {
      spdlog::warn(
          "{}: {} resolves to this machine or its link, where no name leads that a client chooses; name the "
          "address if it is meant",
          application(), host_.text());
      co_return Down{"its name leads to no address that it may"};
    }
  }
  auto order = transport::in_turns(*found);
  auto socket = co_await transport::connect_first(std::move(order), text(), kOriginDeadline);
  if (socket) co_return OriginSocket(std::move(*socket));
  if (socket.error().cause == Cause::system_short) co_return Down{kEdgeShort, true};
  const bool refused = socket.error().cause == Cause::refused;
  co_return Down{refused ? "it refused the connection" : "it cannot be reached"};
}

net::awaitable<Origin::Dialled> UnixOrigin::open_socket(const TunnelGrant&, const ConnectionEnds&) const {
  const auto down = [](int why) { return is_shortage(why) ? Down{kEdgeShort, true} : Down{words_for(why)}; };
  const auto executor = co_await net::this_coro::executor;
  boost::system::error_code error;
  UnixSocket socket(executor);
  socket.open(net::local::stream_protocol(), error);
  if (!error) socket.non_blocking(true, error);
  if (error) co_return down(error.value());
  const net::local::stream_protocol::endpoint to(path_);
  const auto deadline = Clock::now() + kOriginDeadline;
  net::steady_timer pause(executor);
  while (::connect(socket.native_handle(), to.data(), static_cast<socklen_t>(to.size())) != 0) {
    const int why = errno;
    if ((why != EAGAIN && why != EINTR) || Clock::now() >= deadline) co_return down(why);
    pause.expires_after(kQueuePause);
    co_await pause.async_wait(net::as_tuple(net::use_awaitable));
  }
  co_return OriginSocket(std::move(socket));
}

net::awaitable<std::variant<OriginSocket, Answer>> Origin::dial(const TunnelGrant& grant,
                                                                const ConnectionEnds& ends) const {
  Dialled dialled = co_await open_socket(grant, ends);
  if (auto* socket = std::get_if<OriginSocket>(&dialled)) {
    if (!proxy_protocol_ || introduce(*socket, ends)) co_return std::move(*socket);
    dialled = Down{"it closed the connection"};
  }
  co_return answer_of(std::get<Down>(dialled));
}

Answer Origin::answer_of(const Down& down) const {
  const std::string reason = down.edge_short
                                 ? "the origin of " + application_ + " cannot be asked: " + down.why
                                 : "the origin of " + application_ + " is down: " + down.why;
  Answer answer = plain(down.edge_short ? 503 : 502, reason);
  answer.headers.emplace_back(kReasonHeader, reason);
  return answer;
}

net::awaitable<Connected> Origin::connect(const TunnelGrant& grant, SharedRequest,
                                          const ConnectionEnds& ends) {
  auto dialled = co_await dial(grant, ends);
  if (auto* refusal = std::get_if<Answer>(&dialled)) co_return std::move(*refusal);
  boost::system::error_code ignored;
  const int fd = std::get<OriginSocket>(dialled).release(ignored);
  co_return tunnel::make_fd_stream(co_await net::this_coro::executor, fd, fd, true);
}

std::string connectors_text(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ", ") + name;
  return out;
}

std::string origin_text(const ApplicationConfig& app) {
  if (!app.origin_path.empty()) return "unix:" + app.origin_path;
  const std::string there = host_and_port(app.origin_host, app.origin_port);
  return app.connectors.empty() ? there : there + " by the connector " + connectors_text(app.connectors);
}

}  // namespace cfpipe::edge
