#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cfpipe {

/// Longest email address and longest part before its `@`, in bytes (RFC 5321 4.5.3.1).
inline constexpr std::size_t kMaxEmailBytes = 254;
inline constexpr std::size_t kMaxEmailPrefixBytes = 64;

std::string lower(std::string_view text);                ///< ASCII only
bool same_text(std::string_view a, std::string_view b);  ///< ignoring ASCII case
std::string_view trimmed(std::string_view text);
/// The decoded text of a query string or form: `+` is a space. Nothing for a broken escape.
std::optional<std::string> percent_decode(std::string_view text);
std::string html_escape(std::string_view text);

/// Random bytes of the system as base64url; 32 bytes are 43 characters. The first one is never `-`: on a
/// command line, an id that begins with it reads as an option.
std::string random_id(std::size_t bytes = 32);
std::string random_bytes(std::size_t bytes);
std::string sha256(std::string_view bytes);  ///< raw
std::string hex(std::string_view bytes);
/// Whether two secrets are equal; takes constant time for equal lengths.
bool same_secret(std::string_view a, std::string_view b);

std::string rfc3339(std::int64_t time);    ///< UTC, with Z
std::string http_date(std::int64_t time);  ///< RFC 9110 5.6.7
/// Unix seconds of an RFC 3339 time in UTC with Z and whole seconds, or of a plain date. Nothing for a date
/// or time that does not exist.
std::optional<std::int64_t> parse_time(std::string_view text);
/// The duration that a text such as `24h`, `4m`, `90s`, `1h30m` or `7d` spells; nothing on any other input.
std::optional<std::chrono::seconds> parse_duration(std::string_view text);
/// Text that parse_duration() reads, without days: `48h`, `1h30m`, `5m`, `0s`.
std::string duration_text(std::chrono::seconds duration);

/// The size that a text such as `64KiB`, `128MiB`, `1GiB`, `1TiB` or a number of bytes spells; nothing on
/// overflow and any other input.
std::optional<std::size_t> parse_bytes(std::string_view text);
/// Text that parse_bytes() reads, in the largest unit that gives a whole number.
std::string bytes_text(std::size_t bytes);

/// Whether `name` is a DNS name in lower case: letters, digits, hyphens and dots, labels of at most 63 bytes.
/// An IP address is none.
bool valid_hostname(std::string_view name);
/// Whether `email` is one address that may become a principal: RFC 5322 atext, no quoting, no comments.
bool valid_email(std::string_view email);
std::string email_prefix(std::string_view email);  ///< before the @
std::string email_domain(std::string_view email);  ///< after the @, lower case

}  // namespace cfpipe
