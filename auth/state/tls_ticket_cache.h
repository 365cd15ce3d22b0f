#pragma once

#include "auth/state/state_dir.h"
#include "transport/tls/session_store.h"

namespace cfpipe::auth {

/// Sessions kept for one key, and for all: as many tunnels to a host as are opened at once and resumed, and a
/// bound on the directory. The oldest go first.
inline constexpr std::size_t kTicketsPerKey = 4;
inline constexpr std::size_t kTicketsKept = 64;
/// Age at which one is of no use to anybody, in seconds (RFC 8446 4.6.1).
inline constexpr std::int64_t kTicketMaxAge = 7 * 24 * 3600;

/// TLS sessions in the state directory, one file each, 0600, named
/// `<hash of the key>-<time><chance>.tls-ticket`: of no file of cloudflared's can that be the name. Whoever
/// removes the file has the session, so of several processes one uses it.
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
