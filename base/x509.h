#pragma once

#include <openssl/types.h>

#include <ctime>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/openssl.h"
#include "base/secret.h"

namespace cfpipe {

struct CertificateRequest {
  std::string common_name{};
  int days = 1;
  bool authority = false;                ///< a CA with path length 0
  std::vector<std::string> dns_names{};  ///< subjectAltName of a server certificate
};

/// PEM of a certificate for the key `subject`, signed by `signer`; self-signed if `issuer_pem` is null.
/// Throws std::runtime_error if OpenSSL fails: out of memory, or a programming mistake.
std::string make_certificate(const CertificateRequest& request, EVP_PKEY* subject,
                             const std::string* issuer_pem, EVP_PKEY* signer);

Secret private_key_pem(EVP_PKEY* key);            ///< PKCS#8
PKey private_key_from_pem(std::string_view pem);  ///< null if it is invalid or encrypted
PKey new_p256_key();

/// Fields of a stored certificate that decide whether it is still usable.
struct CertificateFacts {
  std::time_t not_after;
  std::vector<std::string> dns_names;
};
std::optional<CertificateFacts> certificate_facts(const std::string& pem);
/// Whether the certificate is for this key.
bool certificate_fits(const std::string& pem, EVP_PKEY* key);
/// Whether `issuer_pem`'s key signed `pem`.
bool signed_by(const std::string& pem, const std::string& issuer_pem);

}  // namespace cfpipe
