#include "edge/config/tls_files.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <optional>

#include "base/openssl.h"
#include "base/platform/own_file.h"
#include "base/text.h"
#include "edge/policy/app_name.h"

namespace cfpipe::edge {
namespace {

using Bio = std::unique_ptr<BIO, Free<BIO_free_all>>;
using Cert = std::unique_ptr<X509, Free<X509_free>>;

/// Why a file cannot be read; nothing if it can.
std::optional<std::string> unreadable(const std::string& path) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat info {};
  if (!file || ::fstat(file.get(), &info) != 0) return path + ": " + std::strerror(errno);
  if (!S_ISREG(info.st_mode)) return path + ": is not a plain file";
  return std::nullopt;
}

/// Stands in for OpenSSL's own callback, which asks at the terminal, and remembers that it would have.
int remember(char*, int, int, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

Cert read_certificate(const std::string& path) {
  bool asked = false;
  const Bio in(BIO_new_file(path.c_str(), "r"));
  return Cert(in ? PEM_read_bio_X509_AUX(in.get(), nullptr, remember, &asked) : nullptr);
}

PKey read_key(const std::string& path, bool& asked) {
  const Bio in(BIO_new_file(path.c_str(), "r"));
  return PKey(in ? PEM_read_bio_PrivateKey(in.get(), nullptr, remember, &asked) : nullptr);
}

std::string time_text(const ASN1_TIME* time) {
  std::tm parts{};
  return ASN1_TIME_to_tm(time, &parts) == 1 ? rfc3339(::timegm(&parts)) : "a time that cannot be read";
}

void look_at_validity(X509* cert, const std::string& path, std::time_t now,
                      std::vector<std::string>& warnings) {
  if (X509_cmp_time(X509_get0_notAfter(cert), &now) < 0)
    warnings.push_back(path + ": the certificate has expired, at " + time_text(X509_get0_notAfter(cert)));
  if (X509_cmp_time(X509_get0_notBefore(cert), &now) > 0)
    warnings.push_back(path + ": the certificate is good from " + time_text(X509_get0_notBefore(cert)) +
                       " on only");
}

void look_at_names(X509* cert, const std::string& path, const std::vector<std::string>& names,
                   std::vector<std::string>& warnings) {
  std::string lacking;
  for (const std::string& name : names) {
    // Any one host stands for all that a pattern covers.
    const auto pattern = AppName::parse(name);
    const std::string host = pattern ? pattern->sample_host() : name;
    if (X509_check_host(cert, host.c_str(), host.size(), 0, nullptr) != 1)
      lacking += (lacking.empty() ? "" : ", ") + name;
  }
  if (!lacking.empty()) warnings.push_back(path + ": the certificate is not for " + lacking);
}

}  // namespace

TlsFileFindings look_at_tls_files(const std::string& certificate_file, const std::string& key_file,
                                  const std::vector<std::string>& names, std::time_t now) {
  TlsFileFindings out;
  Cert cert;
  if (const auto why = unreadable(certificate_file)) {
    out.certificate.push_back(*why);
  } else if (cert = read_certificate(certificate_file); !cert) {
    out.certificate.push_back(certificate_file + ": holds no certificate (PEM)");
  }
  bool asked = false;
  PKey key;
  if (const auto why = unreadable(key_file)) {
    out.key.push_back(*why);
  } else if (key = read_key(key_file, asked); !key) {
    out.key.push_back(
        key_file + (asked ? ": the key has a pass phrase, which an edge cannot be told; write it without one "
                            "(openssl pkey -in FILE -out NEWFILE)"
                          : ": holds no private key (PEM)"));
  }
  if (cert && key && X509_check_private_key(cert.get(), key.get()) != 1)
    out.key.push_back(key_file + ": is not the key of the certificate in " + certificate_file);
  if (cert) {
    look_at_validity(cert.get(), certificate_file, now, out.warnings);
    look_at_names(cert.get(), certificate_file, names, out.warnings);
  }
  ERR_clear_error();
  return out;
}

}  // namespace cfpipe::edge
