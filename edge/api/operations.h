#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.h"
#include "edge/ca/ssh_ca.h"
#include "edge/config/config.h"
#include "edge/identity/service_tokens.h"
#include "edge/store/store.h"

namespace cfpipe::edge {

/// The longest that a token of a session is good: one made at the session's very end.
inline constexpr std::int64_t kLastTokenSeconds = 2 * std::chrono::seconds(kMaxSession).count();

/// Sign-ins that are listed at once: of everybody, of one person.
inline constexpr std::size_t kMaxSignIns = 1000;
inline constexpr std::size_t kMaxOwnSignIns = 100;

/// The administrator who acts, for the audit.
struct Actor {
  std::string by;  ///< an administrator's email, or `command of LOGIN` on the edge's machine; empty: unknown
  std::string peer;
  std::string ray;
};

struct CreatedServiceToken {
  std::string client_id;
  Secret secret;  ///< shown this once
  std::int64_t expires = 0;
};

/// What administrators do, and look at: the program's commands and the API are both made of these. Every
/// change goes to the audit, and is not made known as done where that cannot be written. Failures are for a
/// person: Stage::input, what was asked for cannot be; Stage::config, it does not fit what is there; others,
/// not now.
class Operations {
 public:
  /// `store` outlives it.
  Operations(Store& store, std::int64_t now, Actor actor = {})
      : store_(store), now_(now), actor_(std::move(actor)) {}

  static Result<void> check_service_token(const std::string& name, const std::string& duration);
  Result<CreatedServiceToken> create_service_token(const std::string& name, const std::string& duration);
  Result<void> revoke_service_token(const std::string& name);

  /// Public key lines of the CA that signs and of the next one. `agent`: the agent that holds the
  /// application's CA, which the edge cannot change; or null.
  Result<std::vector<std::string>> ca(const std::string& hostname, const AgentCa* agent);
  /// `type` is a word that SshCa::type_named() knows; empty: ed25519 for the first, and that of the present
  /// CA for the next.
  Result<std::vector<std::string>> generate_ca(const std::string& hostname, const AgentCa* agent,
                                               const std::string& type = {});
  Result<std::vector<std::string>> rotate_ca(const std::string& hostname, const AgentCa* agent,
                                             const std::string& type = {});
  Result<std::vector<std::string>> cancel_ca(const std::string& hostname, const AgentCa* agent);
  Result<std::vector<std::string>> retire_ca(const std::string& hostname, const AgentCa* agent);
  /// The serials; `identity`: those of all certificates of it that may still be good, besides these.
  Result<std::vector<std::uint64_t>> revoke_certificates(const std::string& hostname,
                                                         std::vector<std::uint64_t> serials,
                                                         const std::string& identity);

  /// For sshd's RevokedKeys, binary, as of now.
  Result<std::string> revocation_list(const std::string& hostname, const AgentCa* agent);
  static Result<void> check_host_certificate(const std::string& hostname,
                                             const std::vector<std::string>& names,
                                             const std::string& duration);
  /// Certifies a host's key for these names; none: the application's.
  Result<IssuedCertificate> sign_host(const std::string& hostname, std::vector<std::string> names,
                                      std::string_view key_line, const std::string& duration);

  /// Their tokens issued up to now are void.
  Result<void> revoke_person(const std::string& email);
  /// The sign-in as it was before. One that was revoked before is returned at once, and recorded once.
  Result<SessionRow> revoke_session(const std::string& session);
  /// Sign-ins that are good, newest first: of one person, or of everybody, kMaxSignIns at most.
  Result<std::vector<SessionRow>> sign_ins(const std::string& email, std::int64_t since);

  /// The open tunnels of all processes that serve from the store but of `except`: of one person or service
  /// token, or of everybody.
  Result<std::vector<OpenTunnelRow>> tunnels(std::string_view identity, std::string_view except = {});
  /// Asks the process that carries it to end a tunnel, within a second or two. The tunnel as it is listed.
  /// `owner`: whose it has to be; empty: any, for an administrator.
  Result<OpenTunnelRow> end_tunnel(std::int64_t id, std::string_view owner = {});
  /// Notes the end of a tunnel, before it ends: an act without its audit row does not happen.
  Result<void> record_end(std::int64_t id, const std::string& identity, const std::string& application);

  Result<void> forget_host_keys(const std::string& hostname);

  /// What else an administrator has done.
  Result<void> record(std::string_view kind, const std::string& identity, const std::string& application,
                      std::string reason);

 private:
  AuditRow row(std::string_view kind, const std::string& identity, const std::string& application,
               std::string reason) const;
  struct CaChange {
    std::string_view kind;  ///< in the audit
    std::function<Result<bool>(SshCa&, const std::string& hostname)> run;
  };
  Result<std::vector<std::string>> change_ca(const CaChange& change, const std::string& hostname,
                                             const AgentCa* agent, std::string unfit_text);

  Store& store_;
  std::int64_t now_;
  Actor actor_;
};

}  // namespace cfpipe::edge
