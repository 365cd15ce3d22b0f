#pragma once

#include <boost/asio/ip/address.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/host.h"
#include "base/ip_range.h"

namespace cfpipe::edge {

/// Most destinations of one application.
inline constexpr std::size_t kMaxDestinations = 256;

/// Where an application leads besides its own origin, if a client asks for it: a range of addresses, or a
/// name, at one port.
struct Destination {
  std::optional<IpRange> range;
  Host name;  ///< empty with a range
  std::uint16_t port = 0;
};

/// `10.0.0.0/8:22`, `10.0.0.5:22`, `[2001:db8::/32]:22`, `db.internal:5432`.
std::optional<Destination> parse_destination(std::string_view text);

struct DestinationAddress {
  Host host;
  std::uint16_t port = 0;
};
/// What a client asked for, if it is among them: `host:port`, with a scheme in front and a path behind it or
/// not. A name is only ever found among names, an address among addresses, and no address is found that is
/// none of a host (0.0.0.0, ::). The result is what was checked, not the client's text.
std::optional<DestinationAddress> find_destination(const std::vector<Destination>& allowed,
                                                   std::string_view asked);

/// Whether a name that a client asked for may lead to this address. Names must not lead to the edge's own
/// machine or link, where the owner of a DNS name could reach services that are for the edge alone. To allow
/// loopback, the configuration names its address.
bool names_may_lead_to(const boost::asio::ip::address& address);

}  // namespace cfpipe::edge
