#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "transport/tls/handles.h"

namespace cfpipe::transport {

/// Certificates that may stand in one file: the client's own and those between it and its authority.
inline constexpr std::size_t kMaxCertificateChain = 10;

/// Who this client is in TLS, for servers that ask (RFC 8446 4.3.2): a certificate, those behind it, and its
/// key.
class ClientCertificate {
 public:
  /// Both texts are PEM. The first certificate is the client's own; the key must be its key, and not
  /// encrypted. Stage::config, Cause::client_certificate_unusable.
  static Result<std::shared_ptr<const ClientCertificate>> read(std::string_view certificates,
                                                               std::string_view key);

  bool put_into(SSL_CTX* context) const;
  /// Another certificate has another id.
  const std::string& id() const { return id_; }

 private:
  using Cert = std::unique_ptr<X509, FreeWith<X509_free>>;
  ClientCertificate() = default;
  Cert own_;
  std::vector<Cert> behind_;
  std::unique_ptr<EVP_PKEY, FreeWith<EVP_PKEY_free>> key_;
  std::string id_;
};

/// Client contexts: remembers of each connection whether the server asked for a certificate.
void remember_certificate_requests(SSL_CTX* context);
/// Why the server did not take the certificate, or that there was none, if `error`, the last of OpenSSL's
/// queue, is an alert that says so (RFC 8446 6.2) on a connection whose server had asked.
std::optional<std::string> certificate_alert(const SSL* ssl, unsigned long error);

}  // namespace cfpipe::transport
