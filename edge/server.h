#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "edge/site.h"
#include "transport/failure.h"

typedef struct ssl_ctx_st SSL_CTX;

namespace cfpipe::edge {

/// Bounds of one request, in bytes, and of one client's patience.
inline constexpr std::size_t kMaxRequestHeaderBytes = 32 * 1024;
inline constexpr std::size_t kMaxRequestBodyBytes = 256 * 1024;
inline constexpr std::chrono::seconds kHandshakeDeadline{10};
inline constexpr std::chrono::seconds kRequestDeadline{30};
inline constexpr std::chrono::seconds kOriginDeadline{10};
inline constexpr std::size_t kMaxConnections = 20'000;

struct ServerOptions {
  boost::asio::ip::tcp::endpoint listen;
  std::string certificate_file;  ///< PEM chain
  std::string key_file;          ///< PEM
};

/// The listener: accepts, TLS, reads requests, hands them to the site, relays granted tunnels. One io_context
/// thread.
class Server {
 public:
  /// Binds and loads the certificate; a Failure (Stage::config) says what is wrong. `site` outlives the
  /// server.
  static transport::Result<std::unique_ptr<Server>> open(boost::asio::any_io_executor executor,
                                                         const ServerOptions& options, Site& site);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  std::uint16_t port() const;
  /// Serves until stop().
  boost::asio::awaitable<void> run();
  /// Stops accepting, then ends every tunnel that is still open after `drain`.
  void stop(std::chrono::milliseconds drain);

 private:
  struct Impl;
  explicit Server(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace cfpipe::edge
