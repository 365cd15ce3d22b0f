#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cfpipe {

/// Differences between two clocks up to this, in seconds, count as none: a response takes a while.
inline constexpr std::int64_t kClockTolerance = 60;

/// The system clock in Unix seconds.
std::int64_t unix_now();

/// Unix seconds of an HTTP date in its preferred form (RFC 9110 5.6.7); nothing on any other input.
std::optional<std::int64_t> parse_http_date(std::string_view text);

/// Seconds by which the clock of a `Date` header is ahead of `now`; negative if it is behind. 0 within
/// kClockTolerance, and for an empty or malformed header.
std::int64_t clock_offset(std::string_view date, std::int64_t now);

/// Text for a clock that the edge's is ahead of by `offset` seconds: `10 min 3 s behind the edge's`.
std::string spoken_offset(std::int64_t offset);

}  // namespace cfpipe
