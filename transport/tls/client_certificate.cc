#include "transport/tls/client_certificate.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <algorithm>
#include <array>

namespace cfpipe::transport {
namespace {

using Bio = std::unique_ptr<BIO, FreeWith<BIO_free>>;

Failure unusable(const char* why) {
  ERR_clear_error();
  return {Stage::config, Cause::client_certificate_unusable, why};
}

Bio reader(std::string_view text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// Instead of asking on the terminal, which is ssh's.
int no_passphrase(char*, int, int, void*) {
  return -1;
}

int requested_index() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

int on_request(SSL* ssl, void* mark) {
  SSL_set_ex_data(ssl, requested_index(), mark);
  return 1;
}

// What a server says that lacks a certificate or does not like the one it got. A handshake_failure is
// TLS 1.2's word for the first.
constexpr std::array kCertificateAlerts = {SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED,
                                           SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE,
                                           SSL_R_SSLV3_ALERT_NO_CERTIFICATE,
                                           SSL_R_SSLV3_ALERT_BAD_CERTIFICATE,
                                           SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE,
                                           SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED,
                                           SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED,
                                           SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN,
                                           SSL_R_TLSV1_ALERT_UNKNOWN_CA,
                                           SSL_R_TLSV1_ALERT_ACCESS_DENIED,
                                           SSL_R_TLSV1_ALERT_DECRYPT_ERROR};

}  // namespace

Result<std::shared_ptr<const ClientCertificate>> ClientCertificate::read(std::string_view certificates,
                                                                         std::string_view key) {
  std::shared_ptr<ClientCertificate> out(new ClientCertificate);
  const auto in = reader(certificates);
  out->own_.reset(PEM_read_bio_X509(in.get(), nullptr, no_passphrase, nullptr));
  if (!out->own_) return unusable("there is no certificate in PEM form in it");
  while (Cert next{PEM_read_bio_X509(in.get(), nullptr, no_passphrase, nullptr)}) {
    if (out->behind_.size() == kMaxCertificateChain) return unusable("there are too many certificates in it");
    out->behind_.push_back(std::move(next));
  }
  out->key_.reset(PEM_read_bio_PrivateKey(reader(key).get(), nullptr, no_passphrase, nullptr));
  if (!out->key_) return unusable("there is no private key in PEM form without a passphrase");
  if (X509_check_private_key(out->own_.get(), out->key_.get()) != 1)
    return unusable("the key is not that of the certificate");
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  if (X509_digest(out->own_.get(), EVP_sha256(), digest.data(), &size) != 1)
    return unusable("the certificate cannot be digested");
  out->id_.assign(reinterpret_cast<const char*>(digest.data()), size);
  ERR_clear_error();  // the end of the file
  return std::shared_ptr<const ClientCertificate>(std::move(out));
}

bool ClientCertificate::put_into(SSL_CTX* context) const {
  const std::unique_ptr<STACK_OF(X509), void (*)(STACK_OF(X509)*)> chain(
      sk_X509_new_null(), [](STACK_OF(X509) * stack) { sk_X509_free(stack); });
  for (const auto& one : behind_) sk_X509_push(chain.get(), one.get());
  const bool done = SSL_CTX_use_cert_and_key(context, own_.get(), key_.get(),
                                             behind_.empty() ? nullptr : chain.get(), 1) == 1;
  ERR_clear_error();
  return done;
}

void remember_certificate_requests(SSL_CTX* context) {
  SSL_CTX_set_cert_cb(context, on_request, context);
}

std::optional<std::string> certificate_alert(const SSL* ssl, unsigned long error) {
  if (ERR_GET_LIB(error) != ERR_LIB_SSL || SSL_get_ex_data(ssl, requested_index()) == nullptr)
    return std::nullopt;
  const int reason = ERR_GET_REASON(error);
  if (std::find(kCertificateAlerts.begin(), kCertificateAlerts.end(), reason) == kCertificateAlerts.end())
    return std::nullopt;
  if (SSL_get_certificate(ssl) == nullptr) return "none was given";
  const char* const text = ERR_reason_error_string(error);
  return text != nullptr ? text : "it was not taken";
}

}  // namespace cfpipe::transport
