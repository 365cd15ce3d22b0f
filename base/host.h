#pragma once

#include <boost/asio/ip/address.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace cfpipe {

/// Longest host name and longest label of a host name, in bytes (RFC 1035 2.3.4).
inline constexpr std::size_t kMaxHostBytes = 253;
inline constexpr std::size_t kMaxLabelBytes = 63;
inline constexpr std::uint16_t kHttpsPort = 443;

/// Whether `*` may stand in a host name, as in a pattern of ssh_config.
enum class Wildcards { refused, allowed };

/// A DNS name or an IP address in its canonical spelling. All code that compares, matches, resolves or dials
/// a host takes this type, so that a text has one reading. Only parse() makes one from a text.
class Host {
 public:
  Host() = default;
  explicit Host(const boost::asio::ip::address& address);  ///< without its zone
  /// A name: labels of letters, digits, `-` and `_`, made lower case, one trailing dot dropped. An address:
  /// IPv4 in dotted decimal, or IPv6 without brackets and zone; IPv4-mapped IPv6 (RFC 4291 2.5.5.2) becomes
  /// IPv4. Refused: other spellings of addresses that getaddrinfo() would take (`127.1`, `0x7f.1`,
  /// `2130706433`), thus every name whose last label is a number. Stage::input, Cause::bad_url.
  static Result<Host> parse(std::string_view text, Wildcards wildcards = Wildcards::refused);

  const std::string& text() const { return text_; }  ///< canonical; IPv6 without brackets
  std::string in_url() const;                        ///< the same, IPv6 in brackets
  const std::optional<boost::asio::ip::address>& address() const { return address_; }  ///< none: a name
  bool empty() const { return text_.empty(); }
  bool is_pattern() const { return text_.find('*') != std::string::npos; }
  bool is_localhost_name() const;  ///< localhost and the names below it (RFC 6761 6.3)
  bool is_this_machine() const;    ///< is_localhost_name(), or a loopback address

  friend bool operator==(const Host& a, const Host& b) { return a.text_ == b.text_; }
  friend bool operator==(const Host& a, std::string_view b) { return a.text_ == b; }

 private:
  std::string text_;
  std::optional<boost::asio::ip::address> address_;
};

/// The port that `digits` spells: decimal, no leading zeros, 1 to 65535. Nothing on any other input.
std::optional<std::uint16_t> parse_port(std::string_view digits);

/// Whether port 0 is valid: for a listener it means any free port.
enum class ZeroPort { refused, allowed };

/// `host`, `host:port`, `[v6]` or `[v6]:port` (RFC 3986 3.2, without user info).
struct Authority {
  Host host;
  std::optional<std::uint16_t> port;  ///< nothing if the text has no port

  /// Stage::input, Cause::bad_url.
  static Result<Authority> parse(std::string_view text, Wildcards wildcards = Wildcards::refused,
                                 ZeroPort zero = ZeroPort::refused);
  std::string text() const;                             ///< parse() of it is equal
  std::string text_without(std::uint16_t usual) const;  ///< the same without that port
  std::uint16_t port_or(std::uint16_t usual) const { return port.value_or(usual); }

  friend bool operator==(const Authority& a, const Authority& b) {
    return a.host == b.host && a.port == b.port;
  }
};

/// `host:port`, IPv6 in brackets.
std::string host_and_port(const Host& host, std::uint16_t port);

}  // namespace cfpipe
