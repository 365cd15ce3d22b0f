#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/secret.h"

namespace cfpipe::transport {

/// Largest stored session, in bytes, the server's certificate included. A ticket may have 64 KiB; usual ones
/// have less than one.
inline constexpr std::size_t kMaxSessionBytes = 16 * 1024;

/// TLS sessions that outlive a connection, and perhaps the process. A session decrypts early data, so it is
/// as secret as a token. A failure costs a full handshake, nothing more.
class SessionStore {
 public:
  virtual ~SessionStore() = default;
  /// Removes and returns the newest session under `key`, which is used once (RFC 8446 C.4). Nothing if there
  /// is none.
  virtual std::optional<Secret> take(const std::string& key) = 0;
  virtual void put(const std::string& key, const Secret& session) = 0;
};

}  // namespace cfpipe::transport
