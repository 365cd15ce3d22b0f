#include "edge/destination.h"

#include <algorithm>

#include "edge/config.h"
#include "edge/text.h"

namespace cfpipe::edge {

std::optional<Destination> parse_destination(std::string_view text) {
  const auto parts = parse_host_port(text, std::nullopt);
  if (!parts || parts->port == 0) return std::nullopt;
  Destination out;
  out.port = parts->port;
  out.range = parse_ip_range(parts->host);
  if (out.range) return out;
  out.name = lower(parts->host);
  // Digits and dots that are no address are a slip, not a name.
  if (out.name.find_first_not_of("0123456789.") == std::string::npos || !valid_hostname(out.name))
    return std::nullopt;
  return out;
}

std::optional<DestinationAddress> find_destination(const std::vector<Destination>& allowed,
                                                   std::string_view asked) {
  if (const auto scheme = asked.find("://"); scheme != std::string_view::npos)
    asked.remove_prefix(scheme + 3);
  const auto parts = parse_host_port(asked.substr(0, asked.find('/')), std::nullopt);
  if (!parts || parts->port == 0) return std::nullopt;
  const auto address = parse_ip(parts->host);
  const std::string name = lower(parts->host);
  const bool found = std::any_of(allowed.begin(), allowed.end(), [&](const Destination& one) {
    if (one.port != parts->port) return false;
    return address ? one.range && one.range->contains(*address) : !one.range && one.name == name;
  });
  if (!found) return std::nullopt;
  return DestinationAddress{address ? parts->host : name, parts->port};
}

}  // namespace cfpipe::edge
