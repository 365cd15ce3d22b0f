#pragma once

#include <chrono>

namespace cfpipe::edge {

/// The longest that a sign-in and a certificate may be good for: what is older can be forgotten.
inline constexpr std::chrono::seconds kMaxSession{30 * 24 * 3600};
inline constexpr std::chrono::seconds kMaxCertificateTtl{24 * 3600};

}  // namespace cfpipe::edge
