#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace cfpipe {

/// Base64 of `bytes` (RFC 4648 4), padded; base64url (RFC 4648 5) without padding, as JOSE has it, and
/// padded, as the transfer store has public keys.
std::string base64(std::string_view bytes);
std::string base64url(std::string_view bytes);
std::string base64url_padded(std::string_view bytes);

/// The bytes of padded Base64. Nothing unless the whole input is canonical.
std::optional<std::string> decode_base64(std::string_view text);
/// The bytes of base64url, padded correctly or not at all. Nothing on any other input.
std::optional<std::string> decode_base64url(std::string_view text);

}  // namespace cfpipe
