#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/host.h"

namespace cfpipe::transport {

/// An https URL of canonical parts: parse_url(str()) is the same URL. No user info; the fragment is dropped.
struct Url {
  Host host;
  std::uint16_t port = kHttpsPort;
  std::string target = "/";  ///< path and query, percent-encoded as given, starts with '/'

  /// `host`, or `host:port` when the port is not 443; IPv6 in brackets. What a Host header carries.
  std::string authority() const;
  std::string str() const;                        ///< https://authority + target
  std::string_view path() const;                  ///< target up to '?'
  std::string query(std::string_view key) const;  ///< decoded value of the first such parameter, or empty

  friend bool operator==(const Url& a, const Url& b) {
    return a.host == b.host && a.port == b.port && a.target == b.target;
  }
};

/// Longest URL, in bytes.
inline constexpr std::size_t kMaxUrlBytes = 8 * 1024;

/// Parses `https://…` (also `wss://`), or a bare `host[:port][/path]`. `http://` and every other scheme,
/// control characters, `..` segments, user info and hosts that Host::parse() refuses are refused
/// (Cause::bad_url), as is a bare host with `?` or `#` right behind it.
Result<Url> parse_url(std::string_view text, Wildcards wildcards = Wildcards::refused);

/// Resolves a Location header against the URL whose answer carried it (RFC 3986 5.2). https only.
Result<Url> resolve_url(const Url& base, std::string_view location);

/// Percent-encodes everything but RFC 3986 unreserved characters.
std::string percent_encode(std::string_view text);
/// The bytes that percent-encoded text stands for; nothing for a broken escape, or a character that RFC 3986
/// has encoded everywhere.
std::optional<std::string> percent_decode(std::string_view text);

}  // namespace cfpipe::transport
