#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cfpipe::edge {

/// Bounds of addresses of people, in bytes (RFC 5321 4.5.3.1).
inline constexpr std::size_t kMaxEmailBytes = 254;
inline constexpr std::size_t kMaxEmailPrefixBytes = 64;

std::string lower(std::string_view text);                ///< ASCII only
bool same_text(std::string_view a, std::string_view b);  ///< ignoring ASCII case
std::string_view trimmed(std::string_view text);
/// Nothing for a broken escape. `+` is a space in query strings and forms.
std::optional<std::string> percent_decode(std::string_view text);
std::string html_escape(std::string_view text);

/// Random bytes from the system as base64url; 32 bytes are 43 characters.
std::string random_id(std::size_t bytes = 32);
std::string random_bytes(std::size_t bytes);
std::string sha256(std::string_view bytes);  ///< raw
std::string hex(std::string_view bytes);
/// In constant time for equal lengths.
bool same_secret(std::string_view a, std::string_view b);

std::string rfc3339(std::int64_t time);    ///< UTC, with Z
std::string http_date(std::int64_t time);  ///< RFC 9110 5.6.7
/// RFC 3339 in UTC with Z and whole seconds, or a plain date. Nothing for a date or time that does not exist.
std::optional<std::int64_t> parse_time(std::string_view text);
/// `24h`, `4m`, `90s`, `1h30m`, `7d`.
std::optional<std::chrono::seconds> parse_duration(std::string_view text);
/// The same the other way round, without days: `48h`, `1h30m`, `5m`, `0s`.
std::string duration_text(std::chrono::seconds duration);

/// `64KiB`, `128MiB`, `1GiB`, `1TiB`, or a number of bytes; nothing where it is more than fits.
std::optional<std::size_t> parse_bytes(std::string_view text);
/// The same the other way round, in the largest unit that gives a whole number.
std::string bytes_text(std::size_t bytes);

/// Lower-case letters, digits, hyphens and dots in labels of sane length; not an address.
bool valid_hostname(std::string_view name);
/// One address of plain characters (RFC 5322 atext), no quoting, no comments: what may become a principal.
bool valid_email(std::string_view email);
std::string email_prefix(std::string_view email);  ///< before the @
std::string email_domain(std::string_view email);  ///< after the @, lower case

}  // namespace cfpipe::edge
