#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace cfpipe::edge {

/// Values of one kind that are kept at once, and bytes of one value.
inline constexpr std::int64_t kMaxPending = 4096;
inline constexpr std::size_t kMaxPendingBytes = 64 * 1024;

/// Short-lived values: codes and sealed boxes, which are taken once, links to a login, which may be read
/// several times, and marks of what has been used. Keys of
/// different kinds are apart. Times are Unix seconds. All handles on a store share the values. Failures are
/// Stage::state with one printable line.
class PendingStore {
 public:
  virtual ~PendingStore() = default;

  /// Keeps `value` until it is taken or `expires` is reached; replaces a value of the same kind and key.
  /// Returns false, and keeps nothing, if the value exceeds kMaxPendingBytes or kMaxPending values of the
  /// kind are kept already. A value may be lost if the system crashes.
  virtual Result<bool> put(std::string_view kind, std::string_view key, std::string_view value,
                           std::int64_t expires, std::int64_t now) = 0;
  /// Returns a value and keeps it; nothing if there is none or it has expired.
  virtual Result<std::optional<std::string>> find(std::string_view kind, std::string_view key,
                                                  std::int64_t now) = 0;
  /// Returns a value and deletes it; nothing if there is none or it has expired. The deletion is on disk when
  /// the call returns.
  virtual Result<std::optional<std::string>> take(std::string_view kind, std::string_view key,
                                                  std::int64_t now) = 0;
  /// Returns true at the first call for a kind and key, and false until `expires` of that call is reached.
  /// The mark is on disk when the call returns. Marks have no bound: callers write an audit row for each.
  virtual Result<bool> use_once(std::string_view kind, std::string_view key, std::int64_t expires,
                                std::int64_t now) = 0;
  /// The same for what is good for so short a time that a crash of the system outlasts it: the mark may be
  /// lost in one, and the call does not wait for the disk. Callers bound how many they make.
  virtual Result<bool> use_briefly(std::string_view kind, std::string_view key, std::int64_t expires,
                                   std::int64_t now) = 0;
};

}  // namespace cfpipe::edge
