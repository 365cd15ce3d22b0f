#pragma once

#include <string_view>

namespace cfpipe::auth {

enum class SignatureCheck {
  good,
  bad,           ///< malformed, or by another key, or over something else
  unknown_kind,  ///< a kind of key or signature that is not known here: nothing can be said about it
};

/// Checks an SSH signature (`string algorithm, string signature, …`) over `data` by the key of `key_blob`,
/// which is a plain one (plain_key_blob()): ed25519, ECDSA, RSA with SHA-2 (RFC 8709, RFC 5656, RFC 8332),
/// and both sk- kinds (PROTOCOL.u2f).
SignatureCheck check_signature(std::string_view key_blob, std::string_view signature, std::string_view data);

}  // namespace cfpipe::auth
