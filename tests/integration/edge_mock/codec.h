#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace edge_mock {

using Pairs = std::vector<std::pair<std::string, std::string>>;

/// First value of that name, or empty.
std::string value_of(const Pairs& pairs, std::string_view name);

std::string base64(std::string_view bytes);
std::string base64url(std::string_view bytes, bool padded = false);
/// Either alphabet's decoder; padding is optional in the URL-safe one. Nothing if the text is malformed.
std::optional<std::string> from_base64url(std::string_view text);

std::string percent_encode(std::string_view text);
std::string percent_decode(std::string_view text, bool plus_is_space);
/// `a=1&b=2` taken apart and decoded.
Pairs parse_form(std::string_view text);
/// The inverse of parse_form.
std::string make_query(const Pairs& pairs);
/// A Cookie header taken apart.
Pairs parse_cookies(std::string_view text);
std::string escape_html(std::string_view text);

std::string lower(std::string_view text);
std::string random_hex(std::size_t bytes);
std::string sha256_hex(std::string_view text);

std::int64_t unix_now();
std::string http_date(std::int64_t unix_seconds);
std::string rfc3339(std::int64_t unix_seconds);

}  // namespace edge_mock
