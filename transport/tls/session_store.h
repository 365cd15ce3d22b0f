#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/secret.h"

namespace cfpipe::transport {

/// Largest session that is kept, in bytes: a ticket may have 64 KiB, an honest one has less than one, and the
/// server's certificate is in it.
inline constexpr std::size_t kMaxSessionBytes = 16 * 1024;

/// TLS sessions that outlive a connection, and perhaps the process. What one holds decrypts early data: it is
/// as secret as a token. Best effort: whatever goes wrong costs a full handshake, nothing more.
class SessionStore {
 public:
  virtual ~SessionStore() = default;
  /// A session kept under `key`, newest first; nobody else gets this one (RFC 8446 C.4). Nothing if there is
  /// none.
  virtual std::optional<Secret> take(const std::string& key) = 0;
  virtual void put(const std::string& key, const Secret& session) = 0;
};

}  // namespace cfpipe::transport
