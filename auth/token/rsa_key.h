#pragma once

#include <string_view>

#include "base/error.h"
#include "base/openssl.h"
#include "base/secret.h"

namespace cfpipe::auth {

/// Bounds of RSA moduli, in bits. The upper one bounds the CPU time that a peer's key can cause.
inline constexpr int kMinRsaBits = 2048;
inline constexpr int kMaxRsaBits = 8192;

/// A fresh key pair. Throws std::runtime_error if OpenSSL cannot make one; for setting up only.
PKey generate_rsa(unsigned bits);
/// PKCS#8, unencrypted. Empty if `key` has no private half.
Secret rsa_private_pem(EVP_PKEY* key);
/// Reads what rsa_private_pem wrote (PKCS#1 too). Stage::state, Cause::key_unusable.
Result<PKey> rsa_from_pem(std::string_view pem);

/// True for an RSA key (not RSA-PSS) within the bounds above.
bool usable_rsa(EVP_PKEY* key);

}  // namespace cfpipe::auth
