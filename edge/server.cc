#include "edge/server.h"

#include <spdlog/spdlog.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <set>

#include "edge/connection.h"
#include "transport/tls_context.h"

namespace cfpipe::edge {
namespace net = boost::asio;
using net::ip::tcp;
using transport::Cause;
using transport::Failure;
using transport::Stage;
namespace {

/// Pause after an accept that failed for want of descriptors or memory.
constexpr std::chrono::milliseconds kAcceptPause{100};

using Connections = std::set<std::shared_ptr<Connection>>;

// Keeps a connection in the list for as long as it is served, however that ends.
class Listed {
 public:
  Listed(Connections& all, std::shared_ptr<Connection> one) : all_(all), one_(std::move(one)) {
    all_.insert(one_);
  }
  ~Listed() { all_.erase(one_); }
  Listed(const Listed&) = delete;
  Listed& operator=(const Listed&) = delete;

 private:
  Connections& all_;
  std::shared_ptr<Connection> one_;
};

}  // namespace

struct Server::Impl : std::enable_shared_from_this<Impl> {
  Impl(net::any_io_executor e, transport::SslCtx t, Site& s)
      : executor(std::move(e)), tls(std::move(t)), site(s), acceptor(executor), drain_timer(executor) {}

  net::awaitable<void> serve(tcp::socket socket) {
    transport::SslPtr ssl(SSL_new(tls.get()));
    if (!ssl) co_return;
    SSL_set_accept_state(ssl.get());
    const auto connection = std::make_shared<Connection>(std::move(socket), std::move(ssl), site);
    const Listed listed(connections, connection);
    co_await connection->run();
  }

  void spawn(tcp::socket socket) {
    net::co_spawn(executor, serve(std::move(socket)),
                  [self = shared_from_this()](const std::exception_ptr& error) {
                    if (error) self->report(error);
                  });
  }

  // A handler that throws is a defect of ours, and must not take the other people's tunnels down with it.
  void report(const std::exception_ptr& error) {
    try {
      std::rethrow_exception(error);
    } catch (const std::exception& e) {
      spdlog::error("a connection ended by an unexpected error: {}", e.what());
    }
  }

  net::any_io_executor executor;
  transport::SslCtx tls;
  Site& site;
  tcp::acceptor acceptor;
  net::steady_timer drain_timer;
  Connections connections;
  bool stopping = false;
};

Server::Server(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() = default;

transport::Result<std::unique_ptr<Server>> Server::open(net::any_io_executor executor,
                                                        const ServerOptions& options, Site& site) {
  auto tls = transport::make_tls_server(options.certificate_file, options.key_file);
  if (!tls) return tls.error();
  auto impl = std::make_shared<Impl>(std::move(executor), std::move(*tls), site);
  auto& acceptor = impl->acceptor;
  boost::system::error_code error;
  acceptor.open(options.listen.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(options.listen, error);
  if (!error) acceptor.listen(net::socket_base::max_listen_connections, error);
  if (error) {
    const std::string where =
        options.listen.address().to_string() + ":" + std::to_string(options.listen.port());
    return Failure(Stage::config, Cause::bad_option, "cannot listen on " + where + ": " + error.message());
  }
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

std::uint16_t Server::port() const {
  return impl_->acceptor.local_endpoint().port();
}

net::awaitable<void> Server::run() {
  const auto impl = impl_;
  while (!impl->stopping) {
    auto [error, socket] = co_await impl->acceptor.async_accept(net::as_tuple(net::use_awaitable));
    if (impl->stopping) break;
    if (error) {
      net::steady_timer pause(impl->executor, kAcceptPause);
      co_await pause.async_wait(net::as_tuple(net::use_awaitable));
      continue;
    }
    if (impl->connections.size() < kMaxConnections) impl->spawn(std::move(socket));
  }
}

void Server::stop(std::chrono::milliseconds drain) {
  const auto impl = impl_;
  impl->stopping = true;
  boost::system::error_code ignored;
  impl->acceptor.close(ignored);
  for (const auto& connection : std::set(impl->connections)) connection->stop(false);
  impl->drain_timer.expires_after(drain);
  impl->drain_timer.async_wait([impl](const boost::system::error_code& cancelled) {
    if (cancelled) return;
    for (const auto& connection : std::set(impl->connections)) connection->stop(true);
  });
}

}  // namespace cfpipe::edge
