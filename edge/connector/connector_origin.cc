#include "edge/connector/connector_origin.h"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <set>

#include "auth/connector/protocol.h"
#include "base/error.h"
#include "base/platform/own_file.h"
#include "base/shortage.h"
#include "edge/connector/link.h"
#include "edge/http/request.h"
#include "transport/net/channel_stream.h"
#include "tunnel/fd_stream.h"
#include "tunnel/loop_pipe.h"

namespace cfpipe::edge {
namespace net = boost::asio;
namespace {

using Clock = std::chrono::steady_clock;
using auth::OriginFault;
using transport::H2Head;

/// Bytes of the fields that the connector is told, for its log.
constexpr std::size_t kShownBytes = 256;

constexpr const char* kOpen = "200";
/// What the connection's loop may take beyond the connector's time.
constexpr std::chrono::seconds kSlack{1};
constexpr const char* kEdgeShort = "the edge has reached a limit of its system";

}  // namespace

/// A tunnel on its way, shared by the loop that wants it and that of the connection which is to carry it.
struct ConnectorOrigin::Opening {
  explicit Opening(net::any_io_executor caller) : loop(std::move(caller)) {}
  const net::any_io_executor loop;
  Fd socket;  ///< what the connection's loop joins the tunnel to, in place of `stream`
  // Of the present try, written by the connection's loop before `done`:
  std::shared_ptr<Wakeup> done;
  bool open = false;
  std::unique_ptr<tunnel::Stream> stream;  ///< for `loop`
  std::optional<OriginFault> fault;        ///< of the origin; nothing: the connector has not answered

  /// Says that there is an answer, however the work that it stands for ends.
  struct Answering {
    explicit Answering(std::shared_ptr<Opening> to) : opening(std::move(to)), done(opening->done) {}
    ~Answering() { done->notify(); }
    Answering(const Answering&) = delete;
    Answering& operator=(const Answering&) = delete;
    const std::shared_ptr<Opening> opening;
    const std::shared_ptr<Wakeup> done;
  };

  /// Begins another try. False: the connection has ended.
  static bool begin(const std::shared_ptr<Opening>& opening, std::shared_ptr<ConnectorLink::Tunnel> tunnel,
                    const H2Head& head);
  static net::awaitable<void> ask(std::shared_ptr<transport::H2Connection> connection,
                                  std::shared_ptr<ConnectorLink::Tunnel> tunnel,
                                  std::shared_ptr<Answering> answering, H2Head head);
  void join(ConnectorLink& link, std::unique_ptr<transport::H2Stream> channel,
            std::shared_ptr<const void> tunnel);
};

// On the connection's loop, which may be the caller's.
void ConnectorOrigin::Opening::join(ConnectorLink& link, std::unique_ptr<transport::H2Stream> channel,
                                    std::shared_ptr<const void> tunnel) {
  open = true;
  link.count_opened();
  if (!socket && loop == link.executor()) {
    stream = transport::make_channel_stream(std::move(channel), std::move(tunnel));
    return;
  }
  struct Kept {
    Fd socket;
    std::shared_ptr<const void> tunnel;
  };
  // If the connection ends before the job has its turn: the streams go before the descriptor that one uses.
  struct Ends {
    std::shared_ptr<const Kept> kept;
    std::unique_ptr<tunnel::Stream> near, far;
  };
  const auto ends = std::make_shared<Ends>();
  ends->kept = std::make_shared<const Kept>(Kept{std::move(socket), std::move(tunnel)});
  if (const int fd = ends->kept->socket.get(); ends->kept->socket) {
    ends->near = tunnel::make_fd_stream(link.executor(), fd, fd, false);
  } else {
    std::tie(stream, ends->near) = tunnel::make_loop_pipe(loop, link.executor());
  }
  ends->far = transport::make_channel_stream(std::move(channel));
  link.post([ends](LinkHost& host) { host.join(std::move(ends->near), std::move(ends->far), ends->kept); });
}

bool ConnectorOrigin::Opening::begin(const std::shared_ptr<Opening>& opening,
                                     std::shared_ptr<ConnectorLink::Tunnel> tunnel, const H2Head& head) {
  opening->done = std::make_shared<Wakeup>(opening->loop);
  auto answering = std::make_shared<Answering>(opening);
  const auto link = tunnel->link();
  return link->post([tunnel = std::move(tunnel), answering = std::move(answering), head](LinkHost& host) {
    auto asking = ask(host.connection(), tunnel, answering, head);
    net::co_spawn(tunnel->link()->executor(), std::move(asking), net::detached);
  });
}

net::awaitable<void> ConnectorOrigin::Opening::ask(std::shared_ptr<transport::H2Connection> connection,
                                                   std::shared_ptr<ConnectorLink::Tunnel> tunnel,
                                                   std::shared_ptr<Answering> answering, H2Head head) {
  const auto link = tunnel->link();
  auto channel = connection->open(head, false);
  if (!channel) {
    if (connection->going_away()) link->close_to_new();
    co_return;
  }
  const bool headed = co_await channel->headed(Clock::now() + kConnectorDeadline);
  Opening& opening = *answering->opening;
  if (!headed) {
    if (!channel->closed() && !connection->over()) opening.fault = OriginFault::timed_out;
    co_return;
  }
  if (channel->field(":status") == kOpen)
    co_return opening.join(*link, std::move(channel), std::move(tunnel));
  opening.fault = auth::origin_fault(channel->field(auth::kFaultField)).value_or(OriginFault::unreachable);
  if (opening.fault == OriginFault::draining) link->close_to_new();
}

net::awaitable<std::optional<Origin::Down>> ConnectorOrigin::open(
    const TunnelGrant& grant, const ConnectionEnds& ends, const std::shared_ptr<Opening>& opening) const {
  H2Head head{{":method", "CONNECT"},
              {":authority", text()},
              {auth::kClientField, Host(ends.client.address()).text()}};
  if (!grant.identity.empty()) head.emplace_back(auth::kSubjectField, printable(grant.identity, kShownBytes));
  const std::string by = " (by the connector " + via() + ")";
  const auto attached_by = Clock::now() + kAttachWait;
  std::set<std::shared_ptr<ConnectorLink>> tried;
  std::optional<OriginFault> fault;
  while (tried.size() < kMaxLinkTries) {
    auto tunnel = co_await registry_->wait_for(connectors_, tried, attached_by);
    if (!tunnel) break;
    tried.insert(tunnel->link());
    const bool begun = Opening::begin(opening, std::move(tunnel), head);
    if (!begun) continue;
    const auto done = opening->done;
    const bool answered = co_await done->wait(Clock::now() + kConnectorDeadline + kSlack);
    // Without an answer the other loop may still be at it.
    if (!answered) co_return Down{auth::words_for(OriginFault::timed_out) + by};
    if (opening->open) co_return std::nullopt;
    fault = std::exchange(opening->fault, std::nullopt);
    // What another connector of the name may know better, or has room for.
    const bool elsewhere = !fault || fault == OriginFault::draining || fault == OriginFault::short_of;
    if (!elsewhere) break;
  }
  if (fault) co_return Down{auth::words_for(*fault) + by};
  const bool attached = registry_->is_attached(connectors_);
  co_return Down{(attached ? "its connector takes no more tunnels: " : "its connector is not attached: ") +
                 via()};
}

/// Sends the PROXY header. It may have to wait for what other tunnels of the connection send.
net::awaitable<std::optional<Origin::Down>> ConnectorOrigin::introduce(tunnel::Stream& stream,
                                                                       const ConnectionEnds& ends) const {
  std::string header(tunnel::kHeadroom, '\0');
  header += proxy_header(ends);
  tunnel::Slice left = std::as_writable_bytes(std::span(header)).subspan(tunnel::kHeadroom);
  const auto deadline = Clock::now() + kOriginDeadline;
  for (;;) {
    const auto took = stream.take({&left, 1});
    left = left.subspan(took.bytes);
    if (took.status == tunnel::IoStatus::failed) co_return Down{"it closed the connection"};
    if (took.status == tunnel::IoStatus::ok) break;
    const auto room = std::make_shared<net::steady_timer>(co_await net::this_coro::executor, deadline);
    stream.on_writable([room] { room->cancel(); });
    co_await room->async_wait(net::as_tuple(net::use_awaitable));
    if (Clock::now() >= deadline) co_return Down{"its connector does not take what it is sent"};
  }
  stream.flush();
  co_return std::nullopt;
}

net::awaitable<Connected> ConnectorOrigin::connect(const TunnelGrant& grant, SharedRequest,
                                                   const ConnectionEnds& ends) {
  const auto opening = std::make_shared<Opening>(co_await net::this_coro::executor);
  const auto down = co_await open(grant, ends, opening);
  if (down) co_return answer_of(*down);
  auto stream = std::move(opening->stream);
  if (wants_proxy_header()) {
    const auto fault = co_await introduce(*stream, ends);
    if (fault) co_return answer_of(*fault);
  }
  co_return stream;
}

net::awaitable<Origin::Dialled> ConnectorOrigin::open_socket(const TunnelGrant& grant,
                                                             const ConnectionEnds& ends) const {
  std::array<int, 2> pair{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair.data()) != 0)
    co_return Down{kEdgeShort, is_shortage(errno)};
  const auto executor = co_await net::this_coro::executor;
  const auto opening = std::make_shared<Opening>(executor);
  opening->socket = Fd(pair[1]);
  OriginSocket socket(executor);
  boost::system::error_code error;
  socket.assign(net::local::stream_protocol(), pair[0], error);
  if (error) {
    ::close(pair[0]);
    co_return Down{kEdgeShort, true};
  }
  auto down = co_await open(grant, ends, opening);
  if (down) co_return std::move(*down);
  co_return socket;
}

}  // namespace cfpipe::edge
