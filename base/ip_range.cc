#include "base/ip_range.h"

#include <algorithm>
#include <charconv>

#include "base/host.h"

namespace cfpipe {
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

IpAddress ip_of(const boost::asio::ip::address& address) {
  IpAddress out;
  const boost::asio::ip::address one = *Host(address).address();
  if (one.is_v4()) {
    const auto bytes = one.to_v4().to_bytes();
    std::copy(bytes.begin(), bytes.end(), out.bytes.begin());
  } else {
    out.bytes = one.to_v6().to_bytes();
    out.v6 = true;
  }
  return out;
}

std::optional<IpAddress> parse_ip(std::string_view text) {
  const auto host = Host::parse(text);
  if (!host || !host->address()) return std::nullopt;
  return ip_of(*host->address());
}

bool IpRange::contains(const IpAddress& address) const {
  return address.v6 == first.v6 && same_start(address, first, prefix);
}

std::optional<IpRange> parse_ip_range(std::string_view text) {
  const std::size_t slash = text.find('/');
  const std::string_view host = text.substr(0, slash);
  const auto first = parse_ip(host);
  // Mapped addresses would need a prefix counted from elsewhere.
  if (!first || (!first->v6 && host.find(':') != std::string_view::npos)) return std::nullopt;
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

}  // namespace cfpipe
