#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "edge/ip_range.h"

namespace cfpipe::edge {

/// Most destinations of one application.
inline constexpr std::size_t kMaxDestinations = 256;

/// Where an application leads besides its own origin, if a client asks for it: a range of addresses, or a
/// name, at one port.
struct Destination {
  std::optional<IpRange> range;
  std::string name;  ///< lower case; empty with a range
  std::uint16_t port = 0;
};

/// `10.0.0.0/8:22`, `10.0.0.5:22`, `[2001:db8::/32]:22`, `db.internal:5432`.
std::optional<Destination> parse_destination(std::string_view text);

struct DestinationAddress {
  std::string host;  ///< without brackets
  std::uint16_t port = 0;
};
/// What a client asked for, if it is among them: `host:port`, with a scheme in front and a path behind it or
/// not. A name is only ever found among names: what it resolves to is up to whoever answers for it.
std::optional<DestinationAddress> find_destination(const std::vector<Destination>& allowed,
                                                   std::string_view asked);

}  // namespace cfpipe::edge
