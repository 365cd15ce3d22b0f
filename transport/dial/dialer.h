#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/host.h"
#include "transport/net/resolve.h"
#include "transport/net/url.h"
#include "transport/tls/session_store.h"

namespace cfpipe::transport {

class ClientCertificate;
class TlsChannel;
class TlsClientContext;
struct ProxySettings;
enum class Alpn;

/// How to reach a host. Copies share the TLS context, which is built at the first dial that needs it.
struct DialOptions {
  std::string ca_file;  ///< PEM bundle to trust instead of the system's; empty: system store, SSL_CERT_FILE,
                        ///< SSL_CERT_DIR
  std::optional<Authority>
      connect_to;       ///< to connect to instead of the URL's host and port; TLS still checks the URL's name
  Alpn alpn{};          ///< http1 unless said otherwise
  LookupShare lookups;  ///< whose lookups of names these are
  std::chrono::milliseconds dns_deadline{5'000};
  std::chrono::milliseconds tcp_deadline{10'000};
  std::chrono::milliseconds proxy_deadline{10'000};
  std::chrono::milliseconds tls_deadline{10'000};
  std::shared_ptr<const ProxySettings> proxy;  ///< who goes through a proxy, and which; null: nobody
  std::shared_ptr<const ClientCertificate>
      certificate;                         ///< shown to a server that asks for one; null: none is
  std::shared_ptr<TlsClientContext> tls;   ///< filled at the first dial
  std::shared_ptr<SessionStore> sessions;  ///< where TLS sessions come from and go to; null: none are resumed
};

/// Resolves and connects, all addresses in turns (connect.h); or has a proxy do so. Names under `.localhost`
/// are loopback and never asked of DNS (RFC 6761 6.3). TCP_NODELAY is set. Failures: dns, tcp, proxy.
boost::asio::awaitable<Result<boost::asio::ip::tcp::socket>> dial_tcp(const Url& url,
                                                                      const DialOptions& options);

/// What is to be said first, asked for once the connection stands. Valid until the dial is over.
using EarlyData = std::function<std::string_view()>;

/// dial_tcp, then TLS with the host's certificate checked for url.host, or a session of it resumed. With a
/// session that has room for it, `early` goes out with the first bytes of the handshake, and may be played
/// again by others: only for what may be heard twice. early_data_accepted() of the channel says whether it
/// has arrived; if not, it is the caller's to send. `early` must outlive the await; null: there is none.
/// Failures: dns, tcp, proxy, tls.
boost::asio::awaitable<Result<std::unique_ptr<TlsChannel>>> dial_tls(const Url& url, DialOptions& options,
                                                                     const EarlyData* early = nullptr);

}  // namespace cfpipe::transport
