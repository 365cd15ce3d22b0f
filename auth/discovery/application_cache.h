#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <optional>

#include "auth/discovery/context.h"

namespace cfpipe::auth {

/// Age in seconds up to which a cached result of discovery is used: that of the signed metadata itself.
inline constexpr std::int64_t kKnownMaxAge = kMetadataMaxAge;
/// Age in seconds from which on it is verified again after the tunnel has opened.
inline constexpr std::int64_t kKnownFresh = 3600;

/// A cached result of discovery.
struct KnownApplication {
  Application app;
  std::int64_t age;  ///< seconds since it was verified
};

/// The cached application of access.app, with which a connect needs no request before the tunnel. Nothing if
/// there is none, it is older than kKnownMaxAge, or its auth domain is not trusted any more.
std::optional<KnownApplication> known_application(const Access& access);

/// Caches the result of a successful discovery. A failure to write is only logged; it costs a request later.
void remember_application(const Access& access, const Application& app);
void forget_application(const Access& access);

}  // namespace cfpipe::auth
