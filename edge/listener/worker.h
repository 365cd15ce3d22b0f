#pragma once

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <thread>

#include "edge/http/trusted_proxies.h"
#include "edge/limits/address_seats.h"
#include "edge/limits/seats.h"
#include "edge/listener/connection_context.h"
#include "edge/listener/http1_connection.h"
#include "transport/tls/context.h"

namespace cfpipe::edge {

/// A connection as it was accepted.
struct Arrival {
  boost::asio::ip::tcp::socket socket;            ///< or one that is not TCP, as `by_path` says
  Seats::Seat seat;                               ///< kept while it is served
  bool crowded;                                   ///< an idle one goes for it, or it is refused
  std::shared_ptr<const TrustedProxies> proxies;  ///< null: it does not come from one of them
  bool by_path = false;                           ///< at a Unix-domain socket, where there are no addresses
};

/// One event loop, its thread, and the connections that it serves from their handshake to their
/// end.
class Worker {
 public:
  /// `site`, `memory` and `seats` outlive it. `tls`: null without it. `drained` is called on its thread when
  /// it drains and has no connection left.
  Worker(std::shared_ptr<SSL_CTX> tls, ControlPlane& site, Timeouts timeouts, MemoryBudget& memory,
         AddressSeats& seats, std::function<void()> drained)
      : context_{site, timeouts, memory, idle_, forwarding_faults_},
        seats_(seats),
        drained_(std::move(drained)),
        tls_(std::move(tls)) {}
  /// Drops whatever it still serves; the site is told of the tunnels among it.
  ~Worker() { join(); }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  /// False if the system refuses a thread.
  bool start(unsigned number);
  /// Ends the thread, wherever it is.
  void join();
  boost::asio::any_io_executor executor() { return io_.get_executor(); }

  // From any thread:
  /// Connections served and to be served.
  std::size_t load() const { return load_.load(std::memory_order_relaxed); }
  void serve(Arrival arrival);
  /// For connections to come.
  void use(std::shared_ptr<SSL_CTX> tls);
  /// Answers what has begun and takes no second request on any connection; drained() says when all have
  /// ended.
  void drain();
  /// Ends connections without a request or a tunnel under way.
  void end_idle();
  /// Ends the rest, and what comes after; tunnels are told.
  void stop();

 private:
  boost::asio::awaitable<void> run(Arrival arrival);
  boost::asio::awaitable<bool> hear_proxy(Arrival& arrival, ConnectionEnds& ends,
                                          std::optional<Seats::Seat>& seat);
  bool has_room(bool crowded);

  IdleConnections idle_;
  OccasionalLine forwarding_faults_;
  ConnectionContext context_;
  AddressSeats& seats_;
  OccasionalLine bad_starts_;  // of proxies' connections
  std::atomic<std::size_t> load_{0};
  const std::function<void()> drained_;
  // Of the loop's thread:
  std::shared_ptr<SSL_CTX> tls_;
  std::set<std::shared_ptr<Connection>> connections_;
  bool draining_ = false;
  bool stopping_ = false;
  // Goes before all that its handlers use.
  boost::asio::io_context io_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{io_.get_executor()};
  std::thread thread_;
};

}  // namespace cfpipe::edge
