#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace cfpipe::auth {

/// RFC 4648 4, padded; and 5 without padding (JOSE) or with it (the transfer store's public keys).
std::string base64(std::string_view bytes);
std::string base64url(std::string_view bytes);
std::string base64url_padded(std::string_view bytes);

/// Strict: whole input, canonical, padded standard alphabet. Nothing on any other input.
std::optional<std::string> decode_base64(std::string_view text);
/// URL-safe alphabet, padding optional but correct where present.
std::optional<std::string> decode_base64url(std::string_view text);

}  // namespace cfpipe::auth
