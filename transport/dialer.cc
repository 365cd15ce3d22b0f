#include "transport/dialer.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "transport/tls_channel.h"
#include "transport/tls_context.h"

namespace cfpipe::transport {
namespace net = boost::asio;
using net::ip::tcp;
namespace {

/// Addresses of one name that are tried.
constexpr std::size_t kMaxAddresses = 16;

using Endpoints = std::vector<tcp::endpoint>;

// Runs `cancel` when the time is up, unless this object is gone before.
class Deadline {
 public:
  template <class Cancel>
  Deadline(const net::any_io_executor& executor, std::chrono::milliseconds limit, Cancel cancel)
      : timer_(executor, limit) {
    timer_.async_wait([cancel, state = state_](const boost::system::error_code& cancelled) {
      if (cancelled || state->over) return;
      state->expired = true;
      cancel();
    });
  }
  ~Deadline() { state_->over = true; }
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;
  bool expired() const { return state_->expired; }

 private:
  struct State {
    bool over = false;
    bool expired = false;
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
  net::steady_timer timer_;
};

bool ends_with_label(std::string_view host, std::string_view label) {
  return host == label || (host.size() > label.size() + 1 && host.ends_with(label) &&
                           host[host.size() - label.size() - 1] == '.');
}

net::awaitable<Result<Endpoints>> resolve(std::string host, std::uint16_t port,
                                          std::chrono::milliseconds limit) {
  Endpoints found;
  if (ends_with_label(host, "localhost")) {
    found.emplace_back(net::ip::address_v4::loopback(), port);
    found.emplace_back(net::ip::address_v6::loopback(), port);
    co_return found;
  }
  boost::system::error_code not_literal;
  if (const auto literal = net::ip::make_address(host, not_literal); !not_literal) {
    found.emplace_back(literal, port);
    co_return found;
  }
  const auto executor = co_await net::this_coro::executor;
  // The resolver's thread cannot be interrupted; cancel() only lets the wait end, and the process goes on to
  // its exit.
  tcp::resolver resolver(executor);
  Deadline deadline(executor, limit, [&resolver] { resolver.cancel(); });
  const auto [error, results] = co_await resolver.async_resolve(
      host, std::to_string(port), tcp::resolver::numeric_service, net::as_tuple(net::use_awaitable));
  if (deadline.expired()) co_return Failure(Stage::dns, Cause::timed_out, host);
  if (error) co_return Failure(Stage::dns, Cause::name_not_found, host);
  for (const auto& entry : results) {
    if (found.size() < kMaxAddresses) found.push_back(entry.endpoint());
  }
  co_return found;
}

std::string shown(const tcp::endpoint& endpoint) {
  const auto address = endpoint.address().to_string();
  return (endpoint.address().is_v6() ? "[" + address + "]" : address) + ":" + std::to_string(endpoint.port());
}

Failure connect_failure(const Url& url, const Endpoints& tried, const boost::system::error_code& error) {
  const std::string where = url.authority() + " at " + shown(tried.front());
  const bool refused = error == net::error::connection_refused;
  if (refused) return {Stage::tcp, Cause::refused, where};
  return {Stage::tcp, Cause::unreachable, where + ": " + error.message()};
}

}  // namespace

net::awaitable<Result<tcp::socket>> dial_tcp(const Url& url, const DialOptions& options) {
  std::string host = url.host;
  std::uint16_t port = url.port;
  if (!options.connect_to.empty()) {
    const auto instead = parse_url(options.connect_to);
    if (!instead) co_return instead.error();
    host = instead->host;
    port = options.connect_to.find(':') == std::string::npos ? url.port : instead->port;
  }
  auto endpoints = co_await resolve(host, port, options.dns_deadline);
  if (!endpoints) co_return endpoints.error();

  tcp::socket socket(co_await net::this_coro::executor);
  Deadline deadline(socket.get_executor(), options.tcp_deadline, [&socket] {
    boost::system::error_code ignored;
    socket.cancel(ignored);
  });
  // The first failure is the one worth telling: the first address is the one a person expects.
  boost::system::error_code first;
  for (const auto& endpoint : *endpoints) {
    boost::system::error_code error;
    if (socket.is_open()) socket.close(error);
    std::tie(error) = co_await socket.async_connect(endpoint, net::as_tuple(net::use_awaitable));
    if (deadline.expired())
      co_return Failure(Stage::tcp, Cause::timed_out, url.authority() + " at " + shown(endpoint));
    if (!error) {
      socket.set_option(tcp::no_delay(true), error);
      co_return socket;
    }
    if (!first) first = error;
  }
  co_return connect_failure(url, *endpoints, first);
}

net::awaitable<Result<std::unique_ptr<TlsChannel>>> dial_tls(const Url& url, DialOptions& options) {
  auto socket = co_await dial_tcp(url, options);
  if (!socket) co_return socket.error();
  if (!options.tls) {
    auto made = TlsClientContext::make(options.ca_file);
    if (!made) co_return made.error();
    options.tls = std::move(*made);
  }
  auto channel = std::make_unique<TlsChannel>(std::move(*socket), options.tls->connection(url.host));
  const auto shaken = co_await channel->handshake(options.tls_deadline, url.authority());
  if (!shaken) co_return shaken.error();
  co_return channel;
}

}  // namespace cfpipe::transport
