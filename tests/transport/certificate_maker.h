#pragma once

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "transport/tls/context.h"

namespace cfpipe::testing {

using KeyPtr = std::unique_ptr<EVP_PKEY, transport::FreeWith<EVP_PKEY_free>>;
using CertPtr = std::unique_ptr<X509, transport::FreeWith<X509_free>>;

/// What stands in a certificate.
struct CertSpec {
  std::vector<std::string> dns = {};  ///< subject alternative names, any bytes
  std::string alt = {};               ///< others, as OpenSSL writes them: `IP:127.0.0.1`
  std::string cn = "name";
  std::string basic = "CA:FALSE";  ///< this and the next three as OpenSSL writes them; empty: none
  std::string key_usage = {};
  std::string extended_usage = {};
  std::string constraints = {};
  bool unknown_critical = false;  ///< has a critical extension of no standard
  long from = -3600;              ///< seconds from now
  long until = 3600;
  const EVP_MD* digest = EVP_sha256();
  unsigned rsa_bits = 0;  ///< 0: P-256
  long version = 3;
};

struct MadeCert {
  CertPtr cert;
  KeyPtr key;
};

inline void add_extension(X509* cert, int nid, const std::string& value) {
  if (value.empty()) return;
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value.c_str());
  if (extension == nullptr) std::abort();
  X509_add_ext(cert, extension, -1);
  X509_EXTENSION_free(extension);
}

inline void add_dns_names(X509* cert, const std::vector<std::string>& names) {
  if (names.empty()) return;
  GENERAL_NAMES* all = sk_GENERAL_NAME_new_null();
  for (const auto& name : names) {
    ASN1_IA5STRING* text = ASN1_IA5STRING_new();
    ASN1_STRING_set(text, name.data(), static_cast<int>(name.size()));
    GENERAL_NAME* one = GENERAL_NAME_new();
    GENERAL_NAME_set0_value(one, GEN_DNS, text);
    sk_GENERAL_NAME_push(all, one);
  }
  X509_add1_ext_i2d(cert, NID_subject_alt_name, all, 0, 0);
  GENERAL_NAMES_free(all);
}

inline void add_unknown_critical(X509* cert) {
  ASN1_OBJECT* oid = OBJ_txt2obj("1.3.6.1.4.1.99999.1", 1);
  ASN1_OCTET_STRING* value = ASN1_OCTET_STRING_new();
  ASN1_OCTET_STRING_set(value, reinterpret_cast<const unsigned char*>("\x05\x00"), 2);
  X509_EXTENSION* extension = X509_EXTENSION_create_by_OBJ(nullptr, oid, 1, value);
  X509_add_ext(cert, extension, -1);
  X509_EXTENSION_free(extension);
  ASN1_OCTET_STRING_free(value);
  ASN1_OBJECT_free(oid);
}

/// Signed by `issuer`, or by itself.
inline MadeCert make_certificate(const CertSpec& spec, const MadeCert* issuer) {
  static long serial = 1;
  MadeCert out{CertPtr(X509_new()),
               KeyPtr(spec.rsa_bits > 0 ? EVP_RSA_gen(spec.rsa_bits) : EVP_EC_gen("P-256"))};
  X509* cert = out.cert.get();
  X509_set_version(cert, spec.version - 1);
  ASN1_INTEGER_set(X509_get_serialNumber(cert), serial++);
  X509_gmtime_adj(X509_getm_notBefore(cert), spec.from);
  X509_gmtime_adj(X509_getm_notAfter(cert), spec.until);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(spec.cn.c_str()), -1, -1, 0);
  X509_set_issuer_name(cert, X509_get_subject_name(issuer == nullptr ? cert : issuer->cert.get()));
  X509_set_pubkey(cert, out.key.get());
  if (spec.version == 3) {
    add_extension(cert, NID_basic_constraints, spec.basic);
    add_extension(cert, NID_key_usage, spec.key_usage);
    add_extension(cert, NID_ext_key_usage, spec.extended_usage);
    add_extension(cert, NID_name_constraints, spec.constraints);
    add_extension(cert, NID_subject_alt_name, spec.alt);
    add_dns_names(cert, spec.dns);
    if (spec.unknown_critical) add_unknown_critical(cert);
  }
  if (X509_sign(cert, issuer == nullptr ? out.key.get() : issuer->key.get(), spec.digest) <= 0) std::abort();
  return out;
}

/// A certificate in a PEM file, gone with the object.
class CertFile {
 public:
  explicit CertFile(X509* cert) {
    path_ = (std::filesystem::temp_directory_path() / "cfpipe-cert-XXXXXX").string();
    const int fd = ::mkstemp(path_.data());
    FILE* file = fd < 0 ? nullptr : ::fdopen(fd, "w");
    if (file == nullptr || PEM_write_X509(file, cert) != 1 || std::fclose(file) != 0) std::abort();
  }
  ~CertFile() { std::filesystem::remove(path_); }
  CertFile(const CertFile&) = delete;
  CertFile& operator=(const CertFile&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace cfpipe::testing
