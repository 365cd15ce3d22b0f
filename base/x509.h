#pragma once

#include <openssl/types.h>

#include <ctime>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/openssl.h"
#include "base/secret.h"

namespace cfpipe::edge {

struct CertificateRequest {
  std::string common_name{};
  int days = 1;
  bool authority = false;                ///< may sign other certificates, and nothing below them
  std::vector<std::string> dns_names{};  ///< subjectAltName of a server certificate
};

/// PEM of a certificate over `subject`, signed by `signer`; `issuer_pem` null: self-signed. Throws
/// std::runtime_error when OpenSSL refuses, which is out of memory or a mistake here.
std::string make_certificate(const CertificateRequest& request, EVP_PKEY* subject,
                             const std::string* issuer_pem, EVP_PKEY* signer);

transport::Secret private_key_pem(EVP_PKEY* key);       ///< PKCS#8
auth::PKey private_key_from_pem(std::string_view pem);  ///< null if it is none; never asks for a password
auth::PKey new_p256_key();

/// What a stored certificate says, to decide whether it still serves.
struct CertificateFacts {
  std::time_t not_after;
  std::vector<std::string> dns_names;
};
std::optional<CertificateFacts> certificate_facts(const std::string& pem);
/// True if the certificate is over this key.
bool certificate_fits(const std::string& pem, EVP_PKEY* key);
/// True if `issuer_pem`'s key signed `pem`.
bool signed_by(const std::string& pem, const std::string& issuer_pem);

}  // namespace cfpipe::edge
