#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "transport/failure.h"

namespace cfpipe::transport {

/// An https URL, taken apart and validated. No user info; the fragment is dropped.
struct Url {
  std::string host;  ///< lower case, no brackets around IPv6
  std::uint16_t port = 443;
  std::string target = "/";  ///< path and query, percent-encoded as given, starts with '/'

  /// `host`, or `host:port` when the port is not 443; IPv6 in brackets. What a Host header carries.
  std::string authority() const;
  std::string str() const;                        ///< https://authority + target
  std::string_view path() const;                  ///< target up to '?'
  std::string query(std::string_view key) const;  ///< decoded value of the first such parameter, or empty
};

/// Longest host name (RFC 1035 2.3.4) and URL that are taken, in bytes.
inline constexpr std::size_t kMaxHostBytes = 253;
inline constexpr std::size_t kMaxUrlBytes = 8 * 1024;

/// Parses `https://…` (also `wss://`), or a bare `host[:port][/path]`. `http://` and every other scheme,
/// control characters, `..` segments, user info and empty or over-long hosts are refused (Cause::bad_url).
Result<Url> parse_url(std::string_view text);

/// Resolves a Location header against the URL whose answer carried it (RFC 3986 5.2). https only.
Result<Url> resolve_url(const Url& base, std::string_view location);

/// Percent-encodes everything but RFC 3986 unreserved characters.
std::string percent_encode(std::string_view text);

}  // namespace cfpipe::transport
