#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "transport/failure.h"
#include "transport/secret.h"

namespace cfpipe::edge {

using transport::Result;
using transport::Secret;

/// Bounds: things kept until somebody takes them, bytes of one, and days of audit.
inline constexpr std::int64_t kMaxPending = 4096;
inline constexpr std::size_t kMaxPendingBytes = 64 * 1024;
inline constexpr std::int64_t kAuditSeconds = std::int64_t{400} * 24 * 3600;
/// How exact the time of a service token's last use is, in seconds: not every request is worth a write.
inline constexpr std::int64_t kLastUsedSeconds = 60;

struct AuditRow {
  std::int64_t id = 0;
  std::int64_t time = 0;  ///< Unix seconds
  /// login, denial, certificate, tunnel_open, tunnel_close, and what administrators do: service_token_create,
  /// service_token_revoke, ca_generate, ca_rotate, ca_retire, ca_revoke, host_certificate,
  /// host_key_forget, tunnel_end, revoke; and host_key, which a terminal has seen first
  std::string kind;
  std::string identity;      ///< email, or name of a service token; empty where nobody asked
  std::string application;   ///< host name
  std::string peer;          ///< address
  std::string ray;           ///< request id
  std::uint64_t serial = 0;  ///< of a certificate
  std::string key_id;        ///< of a certificate
  std::int64_t tunnel = 0;   ///< tunnel_close: the id of its tunnel_open row
  std::uint64_t up_bytes = 0;
  std::uint64_t down_bytes = 0;
  std::string reason;
};

/// What to look for in the audit; what is empty is anything.
struct AuditQuestion {
  std::int64_t since = 0;   ///< Unix seconds
  std::int64_t before = 0;  ///< only rows older than that one; 0: from the newest on
  std::string kind;
  std::string identity;
  std::string application;
  std::size_t most = 100;
};

/// A service token, without its secret.
struct ServiceTokenRow {
  std::string name;
  std::string client_id;
  std::string secret_hash;  ///< SHA-256, raw
  std::int64_t created = 0;
  std::int64_t expires = 0;
  std::int64_t last_used = 0;  ///< 0: never; exact to kLastUsedSeconds
};

/// What the server behind an application showed when a terminal first reached it.
struct HostKeyRow {
  std::string hostname;
  std::string origin;
  std::string line;  ///< `type base64`
  std::int64_t time = 0;
};

/// What the edge remembers. One implementation is SQLite; several edges will want one they can share.
/// Every failure is Stage::state with one printable line; nothing of it is a secret.
class State {
 public:
  virtual ~State() = default;

  /// A private key or secret by name (`token-signing`, `notes`, `ssh-ca/HOST`).
  virtual Result<std::optional<Secret>> key(std::string_view name) = 0;
  /// Stores the key unless there is one by that name; true if it was stored. On disk when it returns.
  virtual Result<bool> add_key(std::string_view name, const Secret& value) = 0;
  /// Puts the key `from` in the place of `to`, which is gone then; false if there is no `from`. On disk when
  /// it returns.
  virtual Result<bool> move_key(std::string_view from, std::string_view to) = 0;
  virtual Result<std::vector<std::string>> key_names(std::string_view prefix) = 0;

  /// The audience tag of an application: made at the first call, the same ever after.
  virtual Result<std::string> application_aud(std::string_view hostname) = 0;

  /// Never the same twice, not even after a crash: the counter is on disk when this returns.
  virtual Result<std::uint64_t> next_serial() = 0;

  /// Notes that the certificate of this serial is void. Again is no fault.
  virtual Result<void> revoke_certificate(std::string_view hostname, std::uint64_t serial,
                                          std::int64_t now) = 0;
  /// The serials that were revoked at `since` or later, ascending.
  virtual Result<std::vector<std::uint64_t>> revoked_certificates(std::string_view hostname,
                                                                  std::int64_t since) = 0;

  /// Keeps `value` until it is taken or expires; replaces one of the same key. False when too many are kept.
  virtual Result<bool> put_pending(std::string_view kind, std::string_view key, std::string_view value,
                                   std::int64_t expires, std::int64_t now) = 0;
  /// Hands a kept value out once.
  virtual Result<std::optional<std::string>> take_pending(std::string_view kind, std::string_view key,
                                                          std::int64_t now) = 0;

  /// The host key of an application's origin as it was first seen, `type base64`; empty: it never was.
  virtual Result<std::string> host_key(std::string_view hostname, std::string_view origin) = 0;
  /// Keeps it unless there is one.
  virtual Result<void> add_host_key(std::string_view hostname, std::string_view origin, std::string_view line,
                                    std::int64_t now) = 0;
  virtual Result<std::vector<HostKeyRow>> host_keys() = 0;
  /// Those of an application; how many there were.
  virtual Result<std::int64_t> forget_host_keys(std::string_view hostname) = 0;

  /// False if the name, or by a wonder the client id, is taken.
  virtual Result<bool> add_service_token(const ServiceTokenRow& row) = 0;
  virtual Result<std::optional<ServiceTokenRow>> service_token(std::string_view client_id) = 0;
  virtual Result<std::vector<ServiceTokenRow>> service_tokens() = 0;  ///< by name
  /// False if there is none of that name.
  virtual Result<bool> remove_service_token(std::string_view name) = 0;
  virtual Result<void> service_token_used(std::string_view client_id, std::int64_t now) = 0;

  /// Tokens of that person that were issued up to `time` are void. On disk when it returns.
  virtual Result<void> revoke_person(std::string_view email, std::int64_t time) = 0;
  /// Up to when that person's tokens are void; 0: none is.
  virtual Result<std::int64_t> revoked_until(std::string_view email) = 0;
  /// Tokens of that sign-in are void; remembered until `until`, when none of them can be good any more. On
  /// disk when it returns.
  virtual Result<void> revoke_session(std::string_view session, std::int64_t until, std::int64_t now) = 0;
  virtual Result<bool> session_revoked(std::string_view session) = 0;
  /// Another number than last time if anybody but this object has changed anything meanwhile.
  virtual Result<std::int64_t> others_changes() = 0;

  virtual Result<std::int64_t> append_audit(const AuditRow& row) = 0;  ///< the row's id
  virtual Result<void> read_audit(std::int64_t since, const std::function<void(const AuditRow&)>& each) = 0;
  /// The rows that fit, newest first.
  virtual Result<std::vector<AuditRow>> search_audit(const AuditQuestion& question) = 0;
  /// The rows behind that one, oldest first, `most` of them.
  virtual Result<std::vector<AuditRow>> audit_behind(std::int64_t id, std::size_t most) = 0;
  /// How far the audit has been copied elsewhere: the id of a row. Where nothing ever was, that is the last
  /// row, from now on.
  virtual Result<std::int64_t> audit_copied() = 0;
  virtual Result<void> set_audit_copied(std::int64_t id) = 0;

  /// Everything as it is at this moment, in a new file that can be put in the place of this state's. On disk
  /// when it returns.
  virtual Result<void> copy_to(const std::string& path) = 0;
};

/// Opens DIR/edge.db, making directory and file as needed.
Result<std::unique_ptr<State>> open_sqlite_state(const std::string& dir);

}  // namespace cfpipe::edge
