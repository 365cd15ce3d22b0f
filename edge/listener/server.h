#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/platform/own_file.h"
#include "edge/config/listen_address.h"
#include "edge/http/timeouts.h"
#include "edge/http/trusted_proxies.h"
#include "edge/limits/fd_limits.h"
#include "edge/limits/memory_budget.h"
#include "edge/listener/control_plane.h"
#include "transport/tls/context.h"

namespace cfpipe::edge {

/// How long a connection that has no request under way may still send one when the edge stops.
inline constexpr std::chrono::milliseconds kLastRequest{3'000};

struct ServerOptions {
  Listener listen;
  bool encrypted = true;         ///< false: plain HTTP/1.1, of proxies that end TLS
  std::string certificate_file;  ///< PEM chain
  std::string key_file;          ///< PEM
  unsigned threads = 1;          ///< worker threads, each with an event loop, 1 to kMaxThreads
  std::size_t max_connections = kMaxConnections;  ///< at once, of all loops together
  std::shared_ptr<MemoryBudget> memory = std::make_shared<MemoryBudget>();  ///< its connections are charged
  std::size_t max_connections_per_address = 0;  ///< an IPv6 one's /64; 0: no bound of its own
  Timeouts timeouts;
  TrustedProxies proxies;
};

/// The listener and its workers: accepts, TLS, reads requests, asks the site, relays granted
/// tunnels. One thread and loop per processor; a connection stays for life on the loop that had the fewest
/// when it came.
class Server {
 public:
  /// Binds and loads the certificate; a Failure (Stage::config) says what is wrong. `executor` is the
  /// caller's loop, on whose thread all of this is called; `site` outlives the server. `given`: a socket that
  /// listens already, perhaps other processes' too.
  static Result<std::unique_ptr<Server>> open(boost::asio::any_io_executor executor,
                                              const ServerOptions& options, ControlPlane& site,
                                              Fd given = {});
  /// Ends at once what is still open, and the threads. When it returns, the site's loop has been told of
  /// every tunnel's end.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  std::uint16_t port() const;  ///< 0: it listens at a Unix-domain socket
  /// When the certificate that is shown to new connections expires, Unix seconds; 0: there is none.
  std::int64_t certificate_expires() const;
  /// Connections that were closed because their address had as many as it may.
  std::size_t refused_connections() const;
  /// Connections that were closed because there were as many as there may be in all.
  std::size_t connections_over_capacity() const;
  /// Connections of each loop.
  std::vector<std::size_t> loads() const;
  /// Starts the threads and serves until stop(); throws if the system refuses a thread.
  boost::asio::awaitable<void> run();
  /// Another max_connections_per_address, for connections to come.
  void limit_per_address(std::size_t most);
  /// Who may say where connections to come are from.
  void trust(TrustedProxies proxies);
  /// What make_tls_server() made, where it is encrypted, for connections to come. Sessions of the one before
  /// are not resumed.
  void use(transport::SslCtx tls);
  /// Stops accepting; requests that have begun are answered, and every tunnel that is still open after
  /// `drain` is told that the edge leaves, and ended. Another call sets another time.
  void stop(std::chrono::milliseconds drain);
  /// Called on the caller's loop whenever, after stop(), the last connection may have ended; see loads().
  void on_drained(std::function<void()> drained);

 private:
  struct Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace cfpipe::edge
