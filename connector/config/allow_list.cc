#include "connector/config/allow_list.h"

#include <algorithm>
#include <utility>

#include "base/name_pattern.h"
#include "base/place_and_port.h"
#include "base/text.h"

namespace cfpipe::connector {
namespace net = boost::asio;
namespace {

/// Longest entry, in bytes: the longest name, `*` labels and a port.
constexpr std::size_t kMaxEntryBytes = 300;
/// The blocks within which a range is one of loopback or link-local addresses alone: 127.0.0.0/8 (RFC 1122
/// 3.2.1.3) and 169.254.0.0/16 (RFC 3927 2.1), fe80::/10 (RFC 4291 2.5.6) and ::1.
constexpr unsigned kLoopbackPrefix = 8;
constexpr unsigned kLinkLocalV4Prefix = 16;
constexpr unsigned kLinkLocalV6Prefix = 10;
constexpr unsigned kWholeV6Prefix = 128;

/// An address that leads to this machine, or to its link, rather than into a network.
enum class Nearness { far, loopback, link_local, unspecified };

Nearness nearness(const IpAddress& address) {
  const auto& bytes = address.bytes;
  if (!address.v6) {
    if (bytes[0] == 127) return Nearness::loopback;
    if (bytes[0] == 0) return Nearness::unspecified;
    return bytes[0] == 169 && bytes[1] == 254 ? Nearness::link_local : Nearness::far;
  }
  if (std::all_of(bytes.begin(), bytes.end() - 1, [](auto byte) { return byte == 0; })) {
    if (bytes[15] == 0) return Nearness::unspecified;
    if (bytes[15] == 1) return Nearness::loopback;
  }
  return bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80 ? Nearness::link_local : Nearness::far;
}

/// Whether all of a range is of that kind: a range of the whole network does not name loopback.
bool is_all(const IpRange& range, Nearness kind) {
  if (nearness(range.first) != kind) return false;
  if (kind == Nearness::loopback) return range.prefix >= (range.first.v6 ? kWholeV6Prefix : kLoopbackPrefix);
  return range.prefix >= (range.first.v6 ? kLinkLocalV6Prefix : kLinkLocalV4Prefix);
}

}  // namespace

std::optional<AllowedOrigin> AllowedOrigin::parse(std::string_view text) {
  text = trimmed(text);
  if (text.size() > kMaxEntryBytes) return std::nullopt;
  const PlaceAndPort parts = split_port(text);
  if (!parts.port) return std::nullopt;
  AllowedOrigin out;
  out.port = *parts.port;
  out.text = std::string(text);
  out.range = parse_ip_range(parts.where);
  if (out.range) return out.range->first.v6 == parts.bracketed ? std::optional(std::move(out)) : std::nullopt;
  auto name = Host::parse(parts.where, Wildcards::allowed);
  if (!name || name->address() || parts.bracketed) return std::nullopt;
  out.name = std::move(*name);
  return out;
}

std::optional<Authority> AllowedOrigin::single() const {
  if (!range) return name.is_pattern() ? std::nullopt : std::optional(Authority{name, port});
  const unsigned whole = range->first.v6 ? kWholeV6Prefix : 32;
  if (range->prefix != whole) return std::nullopt;
  auto authority = Authority::parse(text);
  if (authority) return std::move(*authority);
  // 10.0.0.1/32:22
  const auto slash = text.find('/');
  const auto bare =
      Host::parse(std::string_view(text).substr(range->first.v6 ? 1 : 0, slash - (range->first.v6 ? 1 : 0)));
  return bare ? std::optional(Authority{*bare, port}) : std::nullopt;
}

bool AllowedOrigin::names(const net::ip::tcp::endpoint& endpoint) const {
  if (endpoint.port() != port) return false;
  const IpAddress address = ip_of(endpoint.address());
  const Nearness kind = nearness(address);
  if (kind == Nearness::unspecified) return false;
  if (!range) {
    const auto canonical = *Host(endpoint.address()).address();
    return name.is_localhost_name() &&
           (canonical == net::ip::address_v4::loopback() || canonical == net::ip::address_v6::loopback());
  }
  if (!range->contains(address)) return false;
  return kind == Nearness::far || is_all(*range, kind);
}

AllowList::AllowList() {
  for (const char* text : {"127.0.0.1:22", "[::1]:22"}) entries_.push_back(*AllowedOrigin::parse(text));
}

bool AllowList::names(const Host& host, std::uint16_t port) const {
  return std::any_of(entries_.begin(), entries_.end(), [&](const AllowedOrigin& entry) {
    return entry.port == port && !entry.range && host_matches(entry.name.text(), host.text());
  });
}

AllowList::Lookup AllowList::lookup(const Host& host, std::uint16_t port) const {
  if (host.empty() || host.is_pattern()) return Lookup::none;
  Lookup out = Lookup::none;
  for (const AllowedOrigin& entry : entries_) {
    if (entry.port != port) continue;
    if (!entry.range && entry.name == host) return Lookup::as_listed;
    // Names that no entry has are not asked of DNS for the sake of this machine's own addresses.
    const bool of_a_network = entry.range && !is_all(*entry.range, Nearness::loopback);
    const bool near = host.address() || host.is_localhost_name();
    if (near || of_a_network || (!entry.range && host_matches(entry.name.text(), host.text())))
      out = Lookup::exact;
  }
  return out;
}

transport::Endpoints AllowList::allowed(const Host& host, const transport::Endpoints& found) const {
  transport::Endpoints out;
  for (const auto& endpoint : found) {
    const bool listed = std::any_of(entries_.begin(), entries_.end(),
                                    [&](const AllowedOrigin& entry) { return entry.names(endpoint); });
    const bool by_name = !host.address() && nearness(ip_of(endpoint.address())) == Nearness::far &&
                         names(host, endpoint.port());
    if (listed || by_name) out.push_back(endpoint);
  }
  return out;
}

}  // namespace cfpipe::connector
