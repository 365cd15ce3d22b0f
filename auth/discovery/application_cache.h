#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <optional>

#include "auth/discovery/context.h"

namespace cfpipe::auth {

/// What discovery found out is used again for this long, in seconds: as long as the signed metadata itself
/// would be good.
inline constexpr std::int64_t kKnownMaxAge = kMetadataMaxAge;
/// From this age on, in seconds, it is checked again once the tunnel stands.
inline constexpr std::int64_t kKnownFresh = 3600;

struct KnownApplication {
  Application app;
  std::int64_t age;  ///< seconds since it was verified
};

/// What discovery last verified about access.app, so that a connect with a cached token asks nothing first.
/// Nothing if there is none, it is older than kKnownMaxAge, or its auth domain is not trusted any more.
std::optional<KnownApplication> known_application(const Access& access);

/// Kept by every successful discovery. A failure to write costs a request later, nothing more, and is only
/// noted.
void remember_application(const Access& access, const Application& app);
void forget_application(const Access& access);

}  // namespace cfpipe::auth
