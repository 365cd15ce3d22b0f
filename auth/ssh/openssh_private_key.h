#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "base/openssl.h"
#include "base/secret.h"

namespace cfpipe::auth {

/// Largest private key file that is looked at, in bytes.
inline constexpr std::size_t kMaxKeyFileBytes = 64 * 1024;

/// True if the text is a private key in OpenSSH's own format (PROTOCOL.key), the one that `ssh-keygen`
/// writes.
bool is_openssh_key(std::string_view text);

/// The public half of such a key, which stands in front of the private one and is never encrypted.
/// Stage::certificate, Cause::key_unusable.
Result<std::string> openssh_public_blob(std::string_view text);

/// The private key, ed25519 or P-256, if it has no pass phrase. Stage::certificate, Cause::key_unusable.
Result<PKey> openssh_private_key(std::string_view text);

/// Writes an ed25519 key in that format, without a pass phrase: OpenSSH before 9.6 reads no ed25519 key in
/// any other. Empty if OpenSSL does not give the key away.
Secret openssh_ed25519_key(EVP_PKEY* key, std::string_view comment);

}  // namespace cfpipe::auth
