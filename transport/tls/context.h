#pragma once

#include <memory>
#include <string>

#include "base/error.h"
#include "base/host.h"
#include "transport/tls/alpn.h"
#include "transport/tls/handles.h"

namespace cfpipe::transport {

class ClientCertificate;

/// The client's side of TLS: 1.2 at least, the host's certificate always checked, AES-128-GCM preferred (it
/// costs the least per byte with AES instructions). The trust store is `ca_file` if given, else what
/// TrustPlaces::of_environment() names.
class TlsClientContext {
 public:
  /// `certificate` is shown to servers that ask for one; null: none is. Stage::config, Cause::bad_option when
  /// ca_file cannot be used.
  static Result<std::unique_ptr<TlsClientContext>> make(const std::string& ca_file,
                                                        const ClientCertificate* certificate = nullptr);

  /// A connection object for one host: SNI, the name check and what ALPN offers are set.
  SslPtr connection(const Host& host, Alpn alpn = Alpn::http1) const;

 private:
  explicit TlsClientContext(SslCtx context) : context_(std::move(context)) {}
  SslCtx context_;
};

/// The server's side, with single-use tickets and early data (take_early_data()); ALPN prefers h2 where it is
/// offered. Stage::config when certificate and key cannot be used.
Result<SslCtx> make_tls_server(const std::string& certificate_file, const std::string& key_file);

/// What a failed client handshake means, from the verification result and OpenSSL's error queue (which it
/// empties).
Failure tls_failure(const SSL* ssl, const std::string& host);

}  // namespace cfpipe::transport
