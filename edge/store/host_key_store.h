#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace cfpipe::edge {

/// The host key that the server behind an application showed when a terminal first reached it.
struct HostKeyRow {
  std::string hostname;  ///< of the application
  std::string origin;
  std::string line;       ///< `type base64`
  std::int64_t time = 0;  ///< Unix seconds
};

/// The known host keys, one for each application and origin. Failures are Stage::state with one printable
/// line.
class HostKeyStore {
 public:
  virtual ~HostKeyStore() = default;

  /// The host key of an application's origin; nothing if it is not known.
  virtual Result<std::optional<HostKeyRow>> find(std::string_view hostname, std::string_view origin) = 0;
  /// Stores a host key. Returns false, and changes nothing, if one of that application and origin is known.
  virtual Result<bool> insert(const HostKeyRow& row) = 0;
  /// All host keys, sorted by hostname and origin.
  virtual Result<std::vector<HostKeyRow>> list() = 0;
  /// Deletes the host keys of an application. Returns how many there were.
  virtual Result<std::int64_t> erase(std::string_view hostname) = 0;
};

}  // namespace cfpipe::edge
