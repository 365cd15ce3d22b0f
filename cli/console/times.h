#pragma once

#include <cstdint>
#include <string>

namespace cfpipe::cli {

/// `2026-11-30 18:04`, local time of Unix seconds.
std::string local_time(std::int64_t time);
/// The same; `18:04` alone where that is today, at `now`.
std::string short_local_time(std::int64_t time, std::int64_t now);
/// The largest two units of so many seconds: `2d 4h`, `4h 5m`, `5m 12s`, `12s`.
std::string duration(std::int64_t seconds);

}  // namespace cfpipe::cli
