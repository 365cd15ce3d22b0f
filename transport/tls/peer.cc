#include "transport/tls/peer.h"

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/x509.h>

#include <ctime>

#include "base/error.h"
#include "transport/tls/context.h"

namespace cfpipe::transport {
namespace {

std::string name_text(const X509_NAME* name) {
  const std::unique_ptr<BIO, FreeWith<BIO_free_all>> out(BIO_new(BIO_s_mem()));
  if (!out || X509_NAME_print_ex(out.get(), name, 0, XN_FLAG_ONELINE & ~XN_FLAG_SPC_EQ) < 0) return {};
  char* data = nullptr;
  const long size = BIO_ctrl(out.get(), BIO_CTRL_INFO, 0, static_cast<void*>(&data));
  return size > 0 ? printable({data, static_cast<std::size_t>(size)}) : std::string();
}

}  // namespace

TlsPeer describe_peer(const SSL* ssl) {
  TlsPeer peer;
  peer.version = SSL_get_version(ssl);
  const X509* certificate = SSL_get0_peer_certificate(ssl);
  if (certificate == nullptr) return peer;
  peer.issuer = name_text(X509_get_issuer_name(certificate));
  std::tm end{};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &end) == 1) peer.valid_until = ::timegm(&end);
  return peer;
}

}  // namespace cfpipe::transport
