#include "edge/policy/destination.h"

#include <algorithm>

#include "base/place_and_port.h"

namespace cfpipe::edge {
std::optional<Destination> parse_destination(std::string_view text) {
  const PlaceAndPort parts = split_port(text);
  if (!parts.port) return std::nullopt;
  Destination out;
  out.port = *parts.port;
  out.range = parse_ip_range(parts.where);
  if (out.range) return out.range->first.v6 == parts.bracketed ? std::optional(out) : std::nullopt;
  auto name = Host::parse(parts.where);
  if (!name || name->address() || parts.bracketed) return std::nullopt;
  out.name = std::move(*name);
  return out;
}

std::optional<DestinationAddress> find_destination(const std::vector<Destination>& allowed,
                                                   std::string_view asked) {
  if (const auto scheme = asked.find("://"); scheme != std::string_view::npos)
    asked.remove_prefix(scheme + 3);
  auto place = Authority::parse(asked.substr(0, asked.find('/')));
  if (!place || !place->port) return std::nullopt;
  const auto& address = place->host.address();
  if (address && address->is_unspecified()) return std::nullopt;
  const bool found = std::any_of(allowed.begin(), allowed.end(), [&](const Destination& one) {
    if (one.port != *place->port) return false;
    return address ? one.range && one.range->contains(ip_of(*address))
                   : !one.range && one.name == place->host;
  });
  if (!found) return std::nullopt;
  return DestinationAddress{std::move(place->host), *place->port};
}

bool names_may_lead_to(const boost::asio::ip::address& address) {
  // RFC 3927 2.1; fe80::/10 is RFC 4291 2.5.6.
  static const IpRange kLinkLocal = *parse_ip_range("169.254.0.0/16");
  const auto one = *Host(address).address();
  if (one.is_loopback() || one.is_unspecified()) return false;
  return one.is_v4() ? !kLinkLocal.contains(ip_of(one)) : !one.to_v6().is_link_local();
}

}  // namespace cfpipe::edge
