#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "transport/failure.h"
#include "transport/url.h"

namespace cfpipe::transport {

class TlsChannel;
class TlsClientContext;
enum class Alpn;

/// How to reach a host. Copies share the TLS context, which is built at the first dial that needs it.
struct DialOptions {
  std::string ca_file;  ///< PEM bundle to trust instead of the system's; empty: system store, SSL_CERT_FILE,
                        ///< SSL_CERT_DIR
  std::string
      connect_to;  ///< `host[:port]` to connect to instead of the URL's; TLS still checks the URL's name
  Alpn alpn{};     ///< http1 unless said otherwise
  std::chrono::milliseconds dns_deadline{5'000};
  std::chrono::milliseconds tcp_deadline{10'000};
  std::chrono::milliseconds tls_deadline{10'000};
  std::shared_ptr<TlsClientContext> tls;  ///< filled by make_tls()
};

/// Resolves and connects. Names under `.localhost` are loopback and never asked of DNS (RFC 6761 6.3).
/// TCP_NODELAY is set. Failures: dns, tcp.
boost::asio::awaitable<Result<boost::asio::ip::tcp::socket>> dial_tcp(const Url& url,
                                                                      const DialOptions& options);

/// dial_tcp, then TLS with the host's certificate checked for url.host. Failures: dns, tcp, tls.
boost::asio::awaitable<Result<std::unique_ptr<TlsChannel>>> dial_tls(const Url& url, DialOptions& options);

}  // namespace cfpipe::transport
