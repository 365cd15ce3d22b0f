#pragma once

#include <string>
#include <string_view>

namespace cfpipe::edge {

/// Characters that are looked at of a User-Agent field; browsers send 80 to 250.
inline constexpr std::size_t kMaxUserAgentBytes = 512;

/// Browser and system as a person calls them, such as "Firefox on Linux", of a User-Agent field: one of a
/// fixed set of words each, whatever the field says. What is not known is left out; empty if neither is.
std::string device_of(std::string_view user_agent);

}  // namespace cfpipe::edge
