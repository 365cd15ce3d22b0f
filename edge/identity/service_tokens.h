#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/secret.h"
#include "edge/store/service_token_store.h"

namespace cfpipe::edge {

/// How long a service token may be good for, and is unless it is said.
inline constexpr std::chrono::seconds kMinServiceToken{60};
inline constexpr std::chrono::seconds kMaxServiceToken{10 * 365 * 24 * 3600};
inline constexpr std::chrono::seconds kDefaultServiceToken{365 * 24 * 3600};

/// A new service token, shown once to the administrator who made it: only a digest of the secret is kept.
struct NewServiceToken {
  std::string client_id;
  Secret secret;
};

/// Result of checking a pair of headers: the token, or why they are rejected, for the response.
struct CheckedServiceToken {
  std::optional<ServiceTokenRow> token;
  std::string fault;
};

/// The service tokens: an id and a secret with which programs authenticate. Read from the state at each use,
/// so that a revocation by any process holds at once.
class ServiceTokens {
 public:
  explicit ServiceTokens(ServiceTokenStore& store) : store_(store) {}

  /// Nothing if there is one by that name.
  Result<std::optional<NewServiceToken>> create(const std::string& name, std::chrono::seconds lifetime,
                                                std::int64_t now);
  /// By both headers.
  CheckedServiceToken check(std::string_view client_id, std::string_view secret, std::int64_t now);
  /// By its id alone, which our signature vouches for: the token while it is good.
  std::optional<ServiceTokenRow> find(std::string_view client_id, std::int64_t now) const;

 private:
  ServiceTokenStore& store_;
};

}  // namespace cfpipe::edge
