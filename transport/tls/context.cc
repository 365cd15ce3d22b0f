#include "transport/tls/context.h"

#include <openssl/err.h>

#include <algorithm>
#include <array>
#include <span>

#include "transport/tls/client_certificate.h"
#include "transport/tls/session.h"
#include "transport/tls/trust_store.h"

namespace cfpipe::transport {
namespace {

/// OpenSSL's name for 112 bits: RSA of 2048 bits at least, no signature by SHA-1 or MD5.
constexpr int kSecurityLevel = 2;
constexpr const char* kSuites13 =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
constexpr const char* kSuites12 = "ECDHE+AESGCM:ECDHE+CHACHA20";
constexpr std::array<unsigned char, 12> kProtocols = {2, 'h', '2', 8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
constexpr std::span<const unsigned char> kHttp11 = std::span(kProtocols).subspan(3);

std::string last_error() {
  const auto code = ERR_peek_last_error();
  const char* reason = code != 0 ? ERR_reason_error_string(code) : nullptr;
  std::string text = reason != nullptr ? reason : "";
  ERR_clear_error();
  return text;
}

void use_common_settings(SSL_CTX* context) {
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_security_level(context, kSecurityLevel);
  SSL_CTX_set_ciphersuites(context, kSuites13);
  SSL_CTX_set_cipher_list(context, kSuites12);
  SSL_CTX_set_mode(context, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
}

// Who signed the last certificate that could be found. OpenSSL keeps the chain of a verification that failed,
// but not the peer's certificate.
std::string unknown_issuer(const SSL* ssl) {
  const STACK_OF(X509)* chain = SSL_get0_verified_chain(ssl);
  if (chain == nullptr || sk_X509_num(chain) == 0) return "unknown";
  const X509* certificate = sk_X509_value(chain, sk_X509_num(chain) - 1);
  const std::unique_ptr<BIO, FreeWith<BIO_free>> out(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(out.get(), X509_get_issuer_name(certificate), 0,
                     (XN_FLAG_ONELINE & ~XN_FLAG_SPC_EQ) & ~ASN1_STRFLGS_ESC_MSB);
  std::array<char, 256> text{};
  const int size = BIO_read(out.get(), text.data(), text.size());
  return printable({text.data(), static_cast<std::size_t>(std::max(size, 0))});
}

// The rule that a chain breaks, in the words of people who issue certificates.
std::string broken_rule(long verdict) {
  switch (verdict) {
    case X509_V_ERR_INVALID_PURPOSE:
      return "it is not for TLS servers (extended key usage)";
    case X509_V_ERR_EE_KEY_TOO_SMALL:
      return "its key is too small";
    case X509_V_ERR_CA_KEY_TOO_SMALL:
      return "the key of an authority in its chain is too small";
    case X509_V_ERR_CA_MD_TOO_WEAK:
      return "it or an authority in its chain is signed with a broken digest (SHA-1 or MD5)";
    case X509_V_ERR_PERMITTED_VIOLATION:
    case X509_V_ERR_EXCLUDED_VIOLATION:
      return "an authority in its chain may not issue for this name (name constraints)";
    case X509_V_ERR_PATH_LENGTH_EXCEEDED:
      return "its chain is longer than an authority in it allows (path length)";
    case X509_V_ERR_INVALID_CA:
      return "what signed it is no certificate authority (basic constraints, key usage)";
    case X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION:
      return "its chain has a critical extension that is not known here";
    default:
      return X509_verify_cert_error_string(verdict);
  }
}

int select_protocol(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* offered,
                    unsigned int offered_size, void*) {
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, out_size, kProtocols.data(), kProtocols.size(), offered, offered_size) !=
      OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_ALERT_FATAL;  // RFC 7301 3.2: no_application_protocol
  }
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

}  // namespace

Result<std::unique_ptr<TlsClientContext>> TlsClientContext::make(const std::string& ca_file,
                                                                 const ClientCertificate* certificate) {
  ERR_clear_error();  // of others, before this
  SslCtx context(SSL_CTX_new(TLS_client_method()));
  if (!context) return Failure(Stage::tls, Cause::tls_failed, last_error());
  use_common_settings(context.get());
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  hand_out_sessions(context.get());
  remember_certificate_requests(context.get());
  if (certificate != nullptr && !certificate->put_into(context.get()))
    return Failure(Stage::config, Cause::client_certificate_unusable, "OpenSSL does not take it");
  if (!ca_file.empty()) {
    if (SSL_CTX_load_verify_file(context.get(), ca_file.c_str()) != 1)
      return load_failure("no CA certificates can be read from " + printable(ca_file));
  } else if (auto trusted = trust(context.get(), TrustPlaces::of_environment()); !trusted) {
    return trusted.error();
  }
  return std::unique_ptr<TlsClientContext>(new TlsClientContext(std::move(context)));
}

SslPtr TlsClientContext::connection(const Host& host, Alpn alpn) const {
  SslPtr ssl(SSL_new(context_.get()));
  if (!ssl) return ssl;
  const std::string& name = host.text();
  if (!host.address()) {
    // What the macro SSL_set_tlsext_host_name does, without its C cast.
    SSL_ctrl(ssl.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
             const_cast<char*>(name.c_str()));
    SSL_set1_host(ssl.get(), name.c_str());
  } else {
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl.get()), name.c_str());
  }
  SSL_set_hostflags(ssl.get(), kNameRules);
  const auto offer = alpn == Alpn::http1 ? kHttp11 : std::span<const unsigned char>(kProtocols);
  SSL_set_alpn_protos(ssl.get(), offer.data(), static_cast<unsigned int>(offer.size()));
  SSL_set_connect_state(ssl.get());
  return ssl;
}

Result<SslCtx> make_tls_server(const std::string& certificate_file, const std::string& key_file) {
  ERR_clear_error();
  SslCtx context(SSL_CTX_new(TLS_server_method()));
  if (!context) return Failure(Stage::tls, Cause::tls_failed, last_error());
  use_common_settings(context.get());
  SSL_CTX_set_options(context.get(), SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_alpn_select_cb(context.get(), select_protocol, nullptr);
  take_early_data(context.get());
  // OpenSSL's own asks for a pass phrase at the terminal, and a reload would wait there for ever.
  SSL_CTX_set_default_passwd_cb(context.get(), [](char*, int, int, void*) { return -1; });
  if (SSL_CTX_use_certificate_chain_file(context.get(), certificate_file.c_str()) != 1) {
    return load_failure("certificate " + printable(certificate_file));
  }
  if (SSL_CTX_use_PrivateKey_file(context.get(), key_file.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(context.get()) != 1) {
    return load_failure("key " + printable(key_file));
  }
  return context;
}

Failure tls_failure(const SSL* ssl, const std::string& host) {
  const auto unwelcome = certificate_alert(ssl, ERR_peek_last_error());
  const std::string reason = last_error();
  if (unwelcome) return {Stage::tls, Cause::client_certificate_wanted, host + ": " + *unwelcome};
  const auto verdict = SSL_get_verify_result(ssl);
  if (lacks_an_issuer(verdict))
    return {Stage::tls, Cause::tls_unknown_issuer, host + ", issuer " + unknown_issuer(ssl)};
  switch (verdict) {
    case X509_V_OK:
      if (reason.empty()) return {Stage::tls, Cause::closed_early, host};
      return {Stage::tls, Cause::tls_failed, host + ": " + reason};
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return {Stage::tls, Cause::tls_name_mismatch, host};
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return {Stage::tls, Cause::tls_expired, host};
    default:
      return {Stage::tls, Cause::tls_certificate_unfit, host + ": " + broken_rule(verdict)};
  }
}

}  // namespace cfpipe::transport
