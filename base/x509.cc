#include "base/x509.h"

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <memory>
#include <stdexcept>

#include "base/text.h"

namespace cfpipe {
namespace {

using Bio = std::unique_ptr<BIO, Free<BIO_free_all>>;
using Cert = std::unique_ptr<X509, Free<X509_free>>;
using Extension = std::unique_ptr<X509_EXTENSION, Free<X509_EXTENSION_free>>;
using BigNumber = std::unique_ptr<BIGNUM, Free<BN_free>>;

/// A certificate is backdated by this, in seconds, for clocks that are behind.
constexpr long kBackdate = 3600;
constexpr int kSerialBits = 127;

void require(bool condition) {
  if (!condition) throw std::runtime_error("OpenSSL could not make a certificate");
}

Bio memory(std::string_view bytes) {
  return Bio(BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size())));
}

std::string content(BIO* bio) {
  char* start = nullptr;
  const long length = BIO_get_mem_data(bio, &start);
  return length > 0 ? std::string(start, static_cast<std::size_t>(length)) : std::string();
}

int no_password(char*, int, int, void*) {
  return 0;
}

Cert read(const std::string& pem) {
  const Bio bio = memory(pem);
  return Cert(PEM_read_bio_X509(bio.get(), nullptr, no_password, nullptr));
}

void add_extension(X509* cert, X509V3_CTX* context, int nid, const std::string& value) {
  const Extension extension(X509V3_EXT_conf_nid(nullptr, context, nid, value.c_str()));
  require(extension != nullptr && X509_add_ext(cert, extension.get(), -1) == 1);
}

void add_extensions(X509* cert, X509* issuer, const CertificateRequest& request) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, cert, nullptr, nullptr, 0);
  add_extension(cert, &context, NID_subject_key_identifier, "hash");
  if (issuer != cert) add_extension(cert, &context, NID_authority_key_identifier, "keyid:always");
  if (request.authority) {
    add_extension(cert, &context, NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
    add_extension(cert, &context, NID_key_usage, "critical,keyCertSign,cRLSign");
    return;
  }
  add_extension(cert, &context, NID_basic_constraints, "critical,CA:FALSE");
  add_extension(cert, &context, NID_key_usage, "critical,digitalSignature");
  if (request.dns_names.empty()) return;
  std::string names;
  for (const std::string& name : request.dns_names) names += (names.empty() ? "DNS:" : ",DNS:") + name;
  add_extension(cert, &context, NID_ext_key_usage, "serverAuth");
  add_extension(cert, &context, NID_subject_alt_name, names);
}

}  // namespace

std::string make_certificate(const CertificateRequest& request, EVP_PKEY* subject,
                             const std::string* issuer_pem, EVP_PKEY* signer) {
  const Cert cert(X509_new());
  const Cert issuer = issuer_pem != nullptr ? read(*issuer_pem) : Cert();
  require(cert != nullptr && (issuer_pem == nullptr || issuer != nullptr));
  X509* from = issuer ? issuer.get() : cert.get();
  const BigNumber serial(BN_new());
  require(serial && BN_rand(serial.get(), kSerialBits, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) == 1 &&
          BN_to_ASN1_INTEGER(serial.get(), X509_get_serialNumber(cert.get())) != nullptr);
  X509_NAME* name = X509_get_subject_name(cert.get());
  require(X509_set_version(cert.get(), X509_VERSION_3) == 1 &&
          X509_gmtime_adj(X509_getm_notBefore(cert.get()), -kBackdate) != nullptr &&
          X509_time_adj_ex(X509_getm_notAfter(cert.get()), request.days, 0, nullptr) != nullptr &&
          X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                     reinterpret_cast<const unsigned char*>(request.common_name.data()),
                                     static_cast<int>(request.common_name.size()), -1, 0) == 1 &&
          X509_set_issuer_name(cert.get(), X509_get_subject_name(from)) == 1 &&
          X509_set_pubkey(cert.get(), subject) == 1);
  add_extensions(cert.get(), from, request);
  require(X509_sign(cert.get(), signer, EVP_sha256()) > 0);
  const Bio out(BIO_new(BIO_s_mem()));
  require(out && PEM_write_bio_X509(out.get(), cert.get()) == 1);
  return content(out.get());
}

Secret private_key_pem(EVP_PKEY* key) {
  const Bio out(BIO_new(BIO_s_secmem()));
  require(out && PEM_write_bio_PKCS8PrivateKey(out.get(), key, nullptr, nullptr, 0, nullptr, nullptr) == 1);
  return Secret(content(out.get()));
}

PKey private_key_from_pem(std::string_view pem) {
  const Bio bio = memory(pem);
  return PKey(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr));
}

PKey new_p256_key() {
  PKey key(EVP_EC_gen("P-256"));
  require(key != nullptr);
  return key;
}

std::optional<CertificateFacts> certificate_facts(const std::string& pem) {
  const Cert cert = read(pem);
  if (!cert) return std::nullopt;
  CertificateFacts facts{};
  std::tm end{};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(cert.get()), &end) != 1) return std::nullopt;
  facts.not_after = timegm(&end);
  const std::unique_ptr<GENERAL_NAMES, Free<GENERAL_NAMES_free>> names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(cert.get(), NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != GEN_DNS) continue;
    const ASN1_STRING* text = name->d.dNSName;
    facts.dns_names.emplace_back(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                                 static_cast<std::size_t>(ASN1_STRING_length(text)));
  }
  return facts;
}

bool certificate_fits(const std::string& pem, EVP_PKEY* key) {
  const Cert cert = read(pem);
  return cert && key != nullptr && X509_check_private_key(cert.get(), key) == 1;
}

bool signed_by(const std::string& pem, const std::string& issuer_pem) {
  const Cert cert = read(pem);
  const Cert issuer = read(issuer_pem);
  return cert && issuer && X509_verify(cert.get(), X509_get0_pubkey(issuer.get())) == 1;
}

}  // namespace cfpipe
