#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace cfpipe {

/// `where:port`, IPv6 in brackets. `where` may be a range of addresses, with a prefix, and is no authority
/// then.
struct PlaceAndPort {
  std::string_view where;
  bool bracketed = false;
  std::optional<std::uint16_t> port;  ///< nothing: the text has not that form
};
PlaceAndPort split_port(std::string_view text);

}  // namespace cfpipe
