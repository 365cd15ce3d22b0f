#include "transport/dialer.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <optional>

#include "transport/resolve.h"
#include "transport/tls_channel.h"
#include "transport/tls_context.h"
#include "transport/tls_session.h"

namespace cfpipe::transport {
namespace net = boost::asio;
using net::ip::tcp;
namespace {

/// What early data is written in: the server must have chosen it for the session too.
constexpr std::string_view kEarlyProtocol = "http/1.1";

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

// Of `host`, `host:port`, `[v6]` and `[v6]:port`.
bool names_a_port(std::string_view text) {
  const auto colon = text.rfind(':');
  return colon != std::string_view::npos && text.find(']', colon) == std::string_view::npos;
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
    port = names_a_port(options.connect_to) ? instead->port : url.port;
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

namespace {

// What a handshake needs besides the connection. Making the context takes milliseconds: posted, it is made
// while the name lookup or the SYN is on its way, and so is the look into the session store.
struct Preparation {
  Preparation(const Url& u, const DialOptions& o, bool resume)
      : url(u),
        ca_file(o.ca_file),
        store(o.sessions),
        alpn(o.alpn),
        has_context(o.tls != nullptr),
        resumes(resume) {}
  Url url;
  std::string ca_file;
  std::shared_ptr<SessionStore> store;
  Alpn alpn;
  bool has_context;
  bool resumes;
  std::optional<Result<std::unique_ptr<TlsClientContext>>> context;
  std::string key;
  SessionPtr session;
  bool abandoned = false;
  bool done = false;

  void run() {
    if (done || abandoned) return;
    done = true;
    if (!has_context) context.emplace(TlsClientContext::make(ca_file));
    if (!store) return;
    key = session_key(url, ca_file, alpn);
    if (resumes) session = take_session(*store, key, url.host);
  }
  // Nobody was reached: the session is as unused as before.
  void abandon() {
    abandoned = true;
    if (session) put_session(*store, key, session.get());
  }
};

net::awaitable<Result<std::unique_ptr<TlsChannel>>> attempt(const Url& url, DialOptions& options, bool resume,
                                                            const EarlyData* early, bool& offered) {
  const auto prepared = std::make_shared<Preparation>(url, options, resume);
  const auto executor = co_await net::this_coro::executor;
  const auto prepare = [prepared] { prepared->run(); };
  net::post(executor, prepare);
  auto socket = co_await dial_tcp(url, options);
  if (!socket) {
    prepared->abandon();
    co_return socket.error();
  }
  prepared->run();
  if (!options.tls) {
    if (!*prepared->context) co_return prepared->context->error();
    options.tls = std::move(**prepared->context);
  }
  SslPtr ssl = options.tls->connection(url.host, options.alpn);
  if (options.sessions) use_sessions(ssl.get(), prepared->session.get(), options.sessions, prepared->key);
  offered = prepared->session != nullptr;
  const auto room = early_data_room(prepared->session.get(), kEarlyProtocol);
  const auto first = early != nullptr && room > 0 ? (*early)() : std::string_view();
  auto channel = std::make_unique<TlsChannel>(std::move(*socket), std::move(ssl));
  const auto shaken = co_await channel->handshake(options.tls_deadline, url.authority(),
                                                  first.size() <= room ? first : std::string_view());
  if (!shaken) co_return shaken.error();
  co_return channel;
}

}  // namespace

net::awaitable<Result<std::unique_ptr<TlsChannel>>> dial_tls(const Url& url, DialOptions& options,
                                                             const EarlyData* early) {
  bool resume = options.sessions != nullptr;
  for (;;) {
    bool offered = false;
    auto channel = co_await attempt(url, options, resume, early, offered);
    // A server that knows the ticket and cannot have what comes with it (RFC 8446 D.3) ends the handshake.
    if (channel || !offered || channel.error().cause != Cause::tls_failed) co_return channel;
    resume = false;
  }
}

}  // namespace cfpipe::transport
