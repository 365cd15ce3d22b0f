#pragma once

#include "auth/state/state_dir.h"
#include "transport/tls/session_store.h"

namespace cfpipe::auth {

/// Most sessions kept for one key, which bounds the tunnels to a host that resume at once, and for all keys.
/// The oldest are evicted.
inline constexpr std::size_t kTicketsPerKey = 4;
inline constexpr std::size_t kTicketsKept = 64;
/// Age in seconds at which a session has expired (RFC 8446 4.6.1).
inline constexpr std::int64_t kTicketMaxAge = 7 * 24 * 3600;

/// TLS sessions in the state directory, one file each, 0600, named `<hash of the
/// key>-<time><random>.tls-ticket`, which no file of cloudflared has. The process that removes the file has
/// the session, so of several processes one uses it.
class TicketCache final : public transport::SessionStore {
 public:
  explicit TicketCache(StateDir state) : state_(std::move(state)) {}
  std::optional<Secret> take(const std::string& key) override;
  void put(const std::string& key, const Secret& session) override;

 private:
  void tidy() const;
  StateDir state_;
};

}  // namespace cfpipe::auth
