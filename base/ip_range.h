#pragma once

#include <array>
#include <boost/asio/ip/address.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace cfpipe {

/// An IPv4 or IPv6 address. An IPv4-mapped address (RFC 4291 2.5.5.2) is IPv4.
struct IpAddress {
  std::array<std::uint8_t, 16> bytes{};  ///< network order; IPv4 uses the first four
  bool v6 = false;

  std::size_t size() const { return v6 ? 16 : 4; }
};
IpAddress ip_of(const boost::asio::ip::address& address);
/// An address as Host takes it: no zone.
std::optional<IpAddress> parse_ip(std::string_view text);

/// A block of addresses in CIDR notation (RFC 4632, RFC 4291 2.3).
struct IpRange {
  IpAddress first;
  unsigned prefix = 0;  ///< leading bits that all addresses of it share

  bool contains(const IpAddress& address) const;
};
/// The range that a text such as `10.0.0.0/8` or `2001:db8::/32` spells; without a prefix one address.
/// Nothing if bits beyond the prefix are set, which is most likely a slip.
std::optional<IpRange> parse_ip_range(std::string_view text);

}  // namespace cfpipe
