#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "transport/net/resolve.h"
#include "transport/net/url.h"
#include "transport/tls/alpn.h"
#include "transport/tls/session_store.h"

namespace cfpipe::transport {

class ClientCertificate;
class TlsClientContext;
struct ProxySettings;

/// Options of a dial. Copies share the TLS context, which the first dial that needs it creates.
struct DialOptions {
  std::string ca_file;  ///< PEM bundle to trust instead of the system's; empty: system store, SSL_CERT_FILE,
                        ///< SSL_CERT_DIR
  std::optional<Authority>
      connect_to;  ///< to connect to instead of the URL's host and port; TLS still checks the URL's name
  Alpn alpn = Alpn::http1;
  LookupShare lookups;  ///< whose lookups of names these are
  std::chrono::milliseconds dns_deadline{5'000};
  std::chrono::milliseconds tcp_deadline{10'000};
  std::chrono::milliseconds proxy_deadline{10'000};
  std::chrono::milliseconds tls_deadline{10'000};
  std::shared_ptr<const ProxySettings> proxy;  ///< hosts that are reached through a proxy; null: none
  std::shared_ptr<const ClientCertificate>
      certificate;                         ///< shown to a server that asks for one; null: none is
  std::shared_ptr<TlsClientContext> tls;   ///< filled at the first dial
  std::shared_ptr<SessionStore> sessions;  ///< where TLS sessions come from and go to; null: none are resumed
};

}  // namespace cfpipe::transport
