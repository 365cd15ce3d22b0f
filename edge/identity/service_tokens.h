#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "edge/store/store.h"

namespace cfpipe::edge {

/// How long a service token may be good for, and is unless it is said.
inline constexpr std::chrono::seconds kMinServiceToken{60};
inline constexpr std::chrono::seconds kMaxServiceToken{10 * 365 * 24 * 3600};
inline constexpr std::chrono::seconds kDefaultServiceToken{365 * 24 * 3600};

/// What whoever made a service token is shown, once: of the secret only a digest is kept.
struct NewServiceToken {
  std::string client_id;
  Secret secret;
};

/// What a pair of headers amounts to: the token they are, or why they are none, fit to be told to whoever
/// sent them.
struct CheckedServiceToken {
  std::optional<ServiceTokenRow> token;
  std::string fault;
};

/// The service tokens: an id and a secret for programs, instead of somebody who signs in. Read from the state
/// at each use, so that one that has been revoked, by whatever process, is no good from then on.
class ServiceTokens {
 public:
  explicit ServiceTokens(State& state) : state_(state) {}

  /// Nothing if there is one by that name.
  Result<std::optional<NewServiceToken>> create(const std::string& name, std::chrono::seconds lifetime,
                                                std::int64_t now);
  /// By both headers.
  CheckedServiceToken check(std::string_view client_id, std::string_view secret, std::int64_t now);
  /// By its id alone, which our signature vouches for: the token while it is good.
  std::optional<ServiceTokenRow> find(std::string_view client_id, std::int64_t now) const;

 private:
  State& state_;
};

}  // namespace cfpipe::edge
