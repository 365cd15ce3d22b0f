#include "edge/ip_range.h"

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <charconv>

namespace cfpipe::edge {
namespace {

/// The first `prefix` bits are the same.
bool same_start(const IpAddress& a, const IpAddress& b, unsigned prefix) {
  const std::size_t whole = prefix / 8;
  if (!std::equal(a.bytes.begin(), a.bytes.begin() + whole, b.bytes.begin())) return false;
  const unsigned rest = prefix % 8;
  return rest == 0 || ((a.bytes[whole] ^ b.bytes[whole]) >> (8 - rest)) == 0;
}

/// The lowest address of the block that `address` is in.
IpAddress masked(IpAddress address, unsigned prefix) {
  for (unsigned i = 0; i < address.size(); ++i) {
    const unsigned kept = prefix > i * 8 ? std::min(8u, prefix - i * 8) : 0;
    address.bytes[i] = static_cast<std::uint8_t>(address.bytes[i] & (0xff00u >> kept));
  }
  return address;
}

}  // namespace

std::optional<IpAddress> parse_ip(std::string_view text) {
  // A zone (fe80::1%eth0) names an interface of ours, not the peer.
  const std::string_view bare = text.substr(0, text.find('%'));
  boost::system::error_code error;
  const auto parsed = boost::asio::ip::make_address(std::string(bare), error);
  if (error) return std::nullopt;
  IpAddress out;
  const auto v4 = [&out](const boost::asio::ip::address_v4& address) {
    const auto bytes = address.to_bytes();
    std::copy(bytes.begin(), bytes.end(), out.bytes.begin());
  };
  if (parsed.is_v4()) {
    v4(parsed.to_v4());
  } else if (parsed.to_v6().is_v4_mapped()) {
    v4(boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, parsed.to_v6()));
  } else {
    out.bytes = parsed.to_v6().to_bytes();
    out.v6 = true;
  }
  return out;
}

bool IpRange::contains(const IpAddress& address) const {
  return address.v6 == first.v6 && same_start(address, first, prefix);
}

std::optional<IpRange> parse_ip_range(std::string_view text) {
  const std::size_t slash = text.find('/');
  const std::string_view host = text.substr(0, slash);
  const auto first = parse_ip(host);
  // Mapped addresses would need a prefix counted from elsewhere; zones mean nothing in a rule.
  if (!first || host.find('%') != std::string_view::npos ||
      (!first->v6 && host.find(':') != std::string_view::npos))
    return std::nullopt;
  const unsigned most = first->v6 ? 128 : 32;
  unsigned prefix = most;
  if (slash != std::string_view::npos) {
    const std::string_view digits = text.substr(slash + 1);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), prefix);
    if (error != std::errc{} || end != digits.data() + digits.size() || prefix > most) return std::nullopt;
  }
  if (masked(*first, prefix).bytes != first->bytes) return std::nullopt;
  return IpRange{*first, prefix};
}

}  // namespace cfpipe::edge
