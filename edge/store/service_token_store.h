#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace cfpipe::edge {

/// Resolution of the time of a service token's last use, in seconds: not every request is worth a write.
inline constexpr std::int64_t kLastUsedSeconds = 60;

/// A service token, without its secret. Times are Unix seconds.
struct ServiceTokenRow {
  std::string name;
  std::string client_id;
  std::string secret_hash;  ///< SHA-256, raw
  std::int64_t created = 0;
  std::int64_t expires = 0;
  std::int64_t last_used = 0;  ///< 0: never; exact to kLastUsedSeconds
};

/// The service tokens. Failures are Stage::state with one printable line.
class ServiceTokenStore {
 public:
  virtual ~ServiceTokenStore() = default;

  /// Stores a new token, as never used. Returns false, and changes nothing, if the name or the client ID
  /// already exists. On disk when it returns.
  virtual Result<bool> insert(const ServiceTokenRow& row) = 0;
  virtual Result<std::optional<ServiceTokenRow>> find(std::string_view client_id) = 0;
  /// All tokens, sorted by name.
  virtual Result<std::vector<ServiceTokenRow>> list() = 0;
  /// Deletes a token. Returns false if there is none of that name. On disk when it returns.
  virtual Result<bool> erase(std::string_view name) = 0;
  /// Records that a token has been used at `now`, unless the recorded use is less than kLastUsedSeconds old.
  virtual Result<void> touch(std::string_view client_id, std::int64_t now) = 0;
};

}  // namespace cfpipe::edge
