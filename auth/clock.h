#pragma once

#include <cstdint>

namespace cfpipe::auth {

/// Seconds since 1970-01-01 00:00 UTC by the system's clock.
std::int64_t unix_now();

}  // namespace cfpipe::auth
