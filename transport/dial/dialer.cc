#include "transport/dial/dialer.h"

#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <optional>

#include "transport/dial/proxy_dial.h"
#include "transport/dial/proxy_settings.h"
#include "transport/net/happy_eyeballs.h"
#include "transport/net/resolve.h"
#include "transport/tls/channel.h"
#include "transport/tls/client_certificate.h"
#include "transport/tls/context.h"
#include "transport/tls/session.h"

namespace cfpipe::transport {
namespace net = boost::asio;
using net::ip::tcp;
namespace {

/// What early data is written in: the server must have chosen it for the session too.
constexpr std::string_view kEarlyProtocol = "http/1.1";

}  // namespace

net::awaitable<Result<tcp::socket>> dial_tcp(const Url& url, const DialOptions& options) {
  const Authority place = options.connect_to.value_or(Authority{url.host, url.port});
  const std::uint16_t port = place.port_or(url.port);
  if (options.proxy && options.proxy->covers(place.host, port)) {
    if (options.proxy->fault) co_return *options.proxy->fault;
    co_return co_await dial_by_proxy(options.proxy->proxy, place.host, port, options);
  }
  const auto found = co_await resolve(place.host, port, options.dns_deadline, options.lookups);
  if (!found) co_return found.error();
  co_return co_await connect_first(in_turns(*found), url.authority(), options.tcp_deadline);
}

namespace {

// What a handshake needs besides the connection. Making the context takes milliseconds: posted, it is made
// while the name lookup or the SYN is on its way, and so is the look into the session store.
struct Preparation {
  Preparation(const Url& u, const DialOptions& o, bool resume)
      : url(u),
        ca_file(o.ca_file),
        certificate(o.certificate),
        store(o.sessions),
        alpn(o.alpn),
        has_context(o.tls != nullptr),
        resumes(resume) {}
  Url url;
  std::string ca_file;
  std::shared_ptr<const ClientCertificate> certificate;
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
    if (!has_context) context.emplace(TlsClientContext::make(ca_file, certificate.get()));
    if (!store) return;
    key = session_key(url, ca_file, alpn, certificate ? certificate->id() : std::string());
    if (resumes) session = take_session(*store, key, url.host);
  }
  // No server was reached: the session is still unused.
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
    if (channel || !offered) co_return channel;
    // A server that knows the ticket and cannot have what comes with it (RFC 8446 D.3) ends the handshake.
    const auto cause = channel.error().cause;
    if (cause != Cause::tls_failed && cause != Cause::closed_early) co_return channel;
    resume = false;
  }
}

}  // namespace cfpipe::transport
