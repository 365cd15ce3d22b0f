#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cfpipe::auth {

/// A difference between two clocks from which on it is believed to be one, in seconds: answers take a while.
inline constexpr std::int64_t kClockTolerance = 60;

/// Seconds since 1970-01-01 00:00 UTC by the system's clock.
std::int64_t unix_now();

/// A date as HTTP has it (RFC 9110 5.6.7, the preferred form), in Unix seconds.
std::optional<std::int64_t> parse_http_date(std::string_view text);

/// What the clock that wrote a `Date` header is ahead of `now`, in seconds; 0 if that is within the tolerance
/// or there is no date.
std::int64_t clock_offset(std::string_view date, std::int64_t now);

/// `10 min 3 s behind the edge's`, of a clock that the edge's is ahead of by so many seconds, or the reverse.
std::string spoken_offset(std::int64_t offset);

}  // namespace cfpipe::auth
