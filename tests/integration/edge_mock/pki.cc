#include "pki.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <array>
#include <fstream>
#include <stdexcept>

namespace edge_mock {
namespace {

constexpr std::size_t kMaxCommonName = 64;
constexpr long kBackdate = 3600;             ///< seconds
constexpr long kLifetime = 30L * 24 * 3600;  ///< seconds
constexpr long kLongAgo = 2L * 24 * 3600;    ///< seconds, for an expired leaf
constexpr unsigned kRsaBits = 2048;
constexpr const char* kWrongName = "wrong.invalid";

struct FreeX509 {
  void operator()(X509* certificate) const { X509_free(certificate); }
};
using Certificate = std::unique_ptr<X509, FreeX509>;
struct FreeBio {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
using Bio = std::unique_ptr<BIO, FreeBio>;

void check(bool good, const char* what) {
  if (!good) throw std::runtime_error(std::string("cannot make ") + what);
}

std::string bio_text(BIO* bio) {
  char* data = nullptr;
  long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

std::string pem_of(EVP_PKEY* key) {
  Bio bio(BIO_new(BIO_s_mem()));
  check(PEM_write_bio_PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) == 1, "a key file");
  return bio_text(bio.get());
}

std::string pem_of(X509* certificate) {
  Bio bio(BIO_new(BIO_s_mem()));
  check(PEM_write_bio_X509(bio.get(), certificate) == 1, "a certificate file");
  return bio_text(bio.get());
}

void write_file(const std::string& file, const std::string& text, mode_t mode) {
  mode_t old = umask(static_cast<mode_t>(0777 & ~mode));
  std::ofstream out(file, std::ios::trunc);
  out << text;
  out.close();
  umask(old);
  check(out.good() && chmod(file.c_str(), mode) == 0, file.c_str());
}

Bio open_file(const std::string& file) {
  return Bio(BIO_new_file(file.c_str(), "r"));
}

Key read_key(const std::string& file) {
  Bio bio = open_file(file);
  return Key(bio ? PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr) : nullptr);
}

Key make_p256() {
  Key key(EVP_EC_gen("P-256"));
  check(key != nullptr, "a P-256 key");
  return key;
}

struct Profile {
  std::string subject;
  long not_before;  ///< seconds from now
  long not_after;   ///< seconds from now
  std::vector<std::pair<int, std::string>> extensions;
};

void add_extension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  check(extension != nullptr, "a certificate extension");
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

Certificate make_certificate(const Profile& profile, EVP_PKEY* key, X509* issuer, EVP_PKEY* issuer_key) {
  Certificate certificate(X509_new());
  X509* raw = certificate.get();
  X509_set_version(raw, X509_VERSION_3);
  std::array<unsigned char, 8> serial{};
  RAND_bytes(serial.data(), static_cast<int>(serial.size()));
  std::uint64_t number = 1;
  for (unsigned char byte : serial) number = (number << 7) ^ byte;
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(raw), number >> 1);
  X509_gmtime_adj(X509_getm_notBefore(raw), profile.not_before);
  X509_gmtime_adj(X509_getm_notAfter(raw), profile.not_after);
  X509_NAME* name = X509_get_subject_name(raw);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(profile.subject.c_str()), -1, -1, 0);
  X509* signer = issuer ? issuer : raw;
  X509_set_issuer_name(raw, X509_get_subject_name(signer));
  X509_set_pubkey(raw, key);
  for (const auto& [nid, value] : profile.extensions) add_extension(raw, signer, nid, value);
  check(X509_sign(raw, issuer_key, EVP_sha256()) > 0, "a certificate");
  return certificate;
}

struct Authority {
  Certificate certificate;
  Key key;
};

Authority load_or_make_ca(const std::string& dir) {
  std::string certificate_file = dir + "/tls-ca.pem", key_file = dir + "/tls-ca-key.pem";
  Bio bio = open_file(certificate_file);
  Authority ca{Certificate(bio ? PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr) : nullptr),
               read_key(key_file)};
  if (ca.certificate && ca.key) return ca;
  ca.key = make_p256();
  Profile profile{"edge_mock test CA " + std::to_string(time(nullptr)),
                  -kBackdate,
                  kLifetime,
                  {{NID_basic_constraints, "critical,CA:TRUE"},
                   {NID_key_usage, "critical,keyCertSign,cRLSign"},
                   {NID_subject_key_identifier, "hash"}}};
  ca.certificate = make_certificate(profile, ca.key.get(), nullptr, ca.key.get());
  write_file(key_file, pem_of(ca.key.get()), 0600);
  write_file(certificate_file, pem_of(ca.certificate.get()), 0644);
  return ca;
}

}  // namespace

TlsFiles prepare_tls(const std::string& dir, const LeafWishes& wishes) {
  Authority ca = load_or_make_ca(dir);
  std::string names;
  for (const std::string& name : wishes.names) names += (names.empty() ? "DNS:" : ",DNS:") + name;
  if (names.empty()) names = std::string("DNS:") + kWrongName;
  // RFC 5280, ub-common-name; without a subject the names would have to be critical (4.2.1.6).
  const std::string first = names.substr(4, names.find(',') - 4);
  Profile profile{first.size() <= kMaxCommonName ? first : "edge_mock",
                  wishes.expired ? -kLongAgo : -kBackdate,
                  wishes.expired ? -kBackdate : kLifetime,
                  {{NID_basic_constraints, "critical,CA:FALSE"},
                   {NID_key_usage, "critical,digitalSignature"},
                   {NID_ext_key_usage, "serverAuth"},
                   {NID_subject_alt_name, names},
                   {NID_subject_key_identifier, "hash"},
                   {NID_authority_key_identifier, "keyid"}}};
  Key key = make_p256();
  Certificate leaf = make_certificate(profile, key.get(), ca.certificate.get(), ca.key.get());
  TlsFiles files{dir + "/tls-leaf.pem", dir + "/tls-leaf-key.pem"};
  write_file(files.key, pem_of(key.get()), 0600);
  write_file(files.certificate, pem_of(leaf.get()), 0644);
  return files;
}

Key load_or_make_rsa(const std::string& file) {
  Key key = read_key(file);
  if (key) return key;
  key.reset(EVP_RSA_gen(kRsaBits));
  check(key != nullptr, "an RSA key");
  write_file(file, pem_of(key.get()), 0600);
  return key;
}

std::string certificate_over(EVP_PKEY* key, const std::string& name) {
  Profile profile{name, -kBackdate, kLifetime, {}};
  return pem_of(make_certificate(profile, key, nullptr, key).get());
}

}  // namespace edge_mock
