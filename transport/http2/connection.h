#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "transport/http2/exchange.h"
#include "transport/http2/life.h"
#include "transport/http2/liveness.h"
#include "transport/http2/sender.h"
#include "transport/http2/session.h"
#include "transport/http2/stream.h"
#include "transport/http2/stream_table.h"
#include "transport/http2/watch.h"
#include "transport/net/socket_channel.h"

namespace cfpipe::transport {

/// Coroutines that wait for the next change of a connection.
class H2Changes {
 public:
  explicit H2Changes(const H2Life& life) : life_(life) {}
  boost::asio::awaitable<void> next(std::chrono::steady_clock::time_point deadline);
  void tell();

 private:
  const H2Life& life_;
  std::vector<std::shared_ptr<boost::asio::steady_timer>> waiting_;
};

/// One HTTP/2 connection, either role: reads and writes its channel, and shares it among the streams. Holds
/// kH2Batch for its socket if one stream has it for itself, a quarter of that if several share it, and one
/// frame. Lives as long as it or one of its streams is referenced. Used from one thread.
class H2Connection : public std::enable_shared_from_this<H2Connection>, private H2Exchange::Observer {
 public:
  using Clock = std::chrono::steady_clock;
  using RequestHandler = H2StreamTable::Handler;

  /// Takes over a channel on which ALPN, an upgrade or prior knowledge has chosen h2, and sends the
  /// connection preface. `early`: what the peer has sent already. `nuisance`: its budget for
  /// frames that carry nothing.
  static std::shared_ptr<H2Connection> start(std::unique_ptr<SocketChannel> channel, H2Role role,
                                             H2Times times = {}, std::span<const std::byte> early = {},
                                             H2NuisanceBudget nuisance = H2NuisanceBudget());
  ~H2Connection() override = default;
  H2Connection(const H2Connection&) = delete;
  H2Connection& operator=(const H2Connection&) = delete;

  /// Client: true once the server's SETTINGS have arrived; false if the deadline has passed or the connection
  /// has ended before.
  boost::asio::awaitable<bool> settled(Clock::time_point deadline);
  bool takes_websockets() const { return exchange_.session().takes_websockets(); }
  /// Client: whether another stream may be opened.
  bool usable() const { return exchange_.can_send() && exchange_.session().streams_left() > 0; }
  /// Whether the peer has sent GOAWAY; open streams go on.
  bool going_away() const { return exchange_.session().going_away(); }
  /// Client: opens a stream; null if it is not usable().
  std::unique_ptr<H2Stream> open(const H2Head& head, bool ends);
  /// Client: asks for a sign of life, unless there are several streams, and is over if none comes within
  /// `timeout`.
  void probe(std::chrono::milliseconds timeout) { watch_.probe(timeout); }
  /// The same however many streams there are: after a change of the network, or of this machine's sleep.
  void check(std::chrono::milliseconds timeout) { watch_.check(timeout); }

  /// Server: `handler` is called from the executor with each stream whose request head has arrived.
  void on_request(RequestHandler handler) { streams_.on_request(std::move(handler)); }

  /// Server: widens the connection's window for a peer that carries a tunnel.
  void widen();

  /// Server: sends a GOAWAY that announces the end (RFC 9113 6.8) and still serves new streams; drain() is
  /// the next step.
  void announce_end();
  /// Rejects new streams (GOAWAY); the connection is over when the last stream has ended.
  void drain();
  void close() { watch_.close(); }
  bool over() const { return exchange_.over(); }
  boost::asio::awaitable<void> until_over();
  /// Until it is over, or one side takes no new streams: the peer has sent GOAWAY, or drain() was called.
  boost::asio::awaitable<void> until_going_away();
  /// Open streams.
  std::size_t streams() const { return exchange_.session().streams(); }
  /// Client: why the server has refused this side, as SocketChannel::refusal().
  std::optional<Failure> refusal();
  /// Why the connection failed, printable; empty after a clean end.
  const std::string& why() const { return exchange_.why(); }
  boost::asio::any_io_executor executor() const { return life_.executor(); }

 private:
  H2Connection(std::unique_ptr<SocketChannel> channel, H2Role role, H2Times times, H2NuisanceBudget nuisance);
  void received(Clock::time_point now) override;
  void sent() override { sender_.wake(); }
  void lost() override;
  void ended() override;

  // Each sees those above it.
  H2Life life_;
  H2Changes changes_;
  H2StreamTable streams_;
  H2Exchange exchange_;
  H2Watch watch_;
  H2Sender sender_;
};

}  // namespace cfpipe::transport
