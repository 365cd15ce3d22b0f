#include "transport/websocket/tunnel_source.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <map>
#include <utility>
#include <vector>

#include "transport/tls/channel.h"
#include "transport/tls/context.h"
#include "transport/websocket/over_http2.h"

namespace cfpipe::transport {
namespace net = boost::asio;
namespace {

using Clock = std::chrono::steady_clock;
using StreamResult = Result<std::unique_ptr<tunnel::Stream>>;

/// Connections that one open() goes through: a peer may refuse a stream, or go away, but not for ever.
constexpr int kMaxTries = 4;

/// What is known of one authority, and its standing connections.
struct Edge {
  std::vector<std::shared_ptr<H2Connection>> connections;
  bool http1_only = false;  ///< it chose HTTP/1.1, or takes no WebSockets over HTTP/2; for the process's life
  std::shared_ptr<net::steady_timer> dialling;  ///< cancelled when the dial that is under way has ended
};

Failure about(Failure failure, const Url& url) {
  failure.detail = url.authority() + ": " + failure.detail;
  return failure;
}

// Ends the wait of those who wait for a dial, however that ends.
class Dialling {
 public:
  Dialling(Edge& edge, const net::any_io_executor& executor)
      : edge_(edge), timer_(std::make_shared<net::steady_timer>(executor, Clock::time_point::max())) {
    edge_.dialling = timer_;
  }
  ~Dialling() {
    edge_.dialling = nullptr;
    timer_->cancel();
  }
  Dialling(const Dialling&) = delete;
  Dialling& operator=(const Dialling&) = delete;

 private:
  Edge& edge_;
  std::shared_ptr<net::steady_timer> timer_;
};

}  // namespace

struct TunnelSource::Impl : std::enable_shared_from_this<TunnelSource::Impl> {
  Impl(HttpClient& c, TunnelProtocol p) : client(c), protocol(p) {}

  std::shared_ptr<H2Connection> standing(Edge& edge) {
    std::erase_if(edge.connections, [](const auto& c) { return c->over() || c->going_away(); });
    const auto found = std::find_if(edge.connections.begin(), edge.connections.end(),
                                    [](const auto& c) { return c->usable(); });
    return found == edge.connections.end() ? nullptr : *found;
  }

  net::awaitable<Result<void>> dial(Edge& edge, const WebSocketRequest& request);
  net::awaitable<StreamResult> open(const WebSocketRequest& request);

  HttpClient& client;
  TunnelProtocol protocol;
  std::map<std::string, Edge> edges;  // never erased: one for each authority that was asked for
};

// One handshake offers both protocols. What the edge chooses is used: an HTTP/1.1 connection is left with the
// client, where the request that follows finds it.
net::awaitable<Result<void>> TunnelSource::Impl::dial(Edge& edge, const WebSocketRequest& request) {
  const Dialling dialling(edge, co_await net::this_coro::executor);
  DialOptions options = client.options();
  options.alpn = Alpn::http2_or_http1;
  auto channel = co_await dial_tls(request.url, options);
  if (!channel) co_return channel.error();
  if ((*channel)->tls().alpn() != "h2") {
    edge.http1_only = true;
    client.give_back(request.url, std::move(*channel));
    co_return Result<void>();
  }
  H2Times times;
  times.ping = request.times.ping_every;
  times.dead = request.times.peer_silent;
  const auto connection = H2Connection::start(std::move(*channel), H2Role::client, times);
  const bool settled = co_await connection->settled(Clock::now() + request.deadline);
  if (!settled) {
    if (auto refusal = connection->refusal()) co_return about(std::move(*refusal), request.url);
    const auto cause = connection->over() ? Cause::closed_early : Cause::timed_out;
    co_return Failure(Stage::upgrade, cause, request.url.authority());
  }
  if (connection->takes_websockets()) {
    edge.connections.push_back(connection);
  } else {
    edge.http1_only = true;
    connection->close();
  }
  co_return Result<void>();
}

net::awaitable<StreamResult> TunnelSource::Impl::open(const WebSocketRequest& request) {
  const auto self = shared_from_this();
  Edge& edge = edges[request.url.authority()];
  StreamResult last = Failure(Stage::upgrade, Cause::closed_early, request.url.authority());
  for (int tries = 0; tries < kMaxTries;) {
    if (protocol == TunnelProtocol::http1 || edge.http1_only)
      co_return co_await open_websocket(client, request);
    if (const auto connection = standing(edge)) {
      bool elsewhere = false;
      last = co_await open_h2_websocket(connection, request, elsewhere);
      if (!elsewhere) co_return last;
      std::erase(edge.connections, connection);
      ++tries;
    } else if (const auto under_way = edge.dialling) {
      co_await under_way->async_wait(net::as_tuple(net::use_awaitable));
    } else {
      const auto dialled = co_await dial(edge, request);
      if (!dialled) co_return dialled.error();
    }
  }
  co_return last;
}

TunnelSource::TunnelSource(HttpClient& client, TunnelProtocol protocol)
    : impl_(std::make_shared<Impl>(client, protocol)) {}
TunnelSource::~TunnelSource() = default;

net::awaitable<StreamResult> TunnelSource::open(const WebSocketRequest& request) {
  const auto impl = impl_;
  co_return co_await impl->open(request);
}

}  // namespace cfpipe::transport
