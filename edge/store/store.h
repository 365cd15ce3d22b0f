#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/secret.h"

namespace cfpipe::edge {

/// Bounds: values kept until they are taken, bytes of one, and the age at which the audit's rows are deleted.
inline constexpr std::int64_t kMaxPending = 4096;
inline constexpr std::size_t kMaxPendingBytes = 64 * 1024;
inline constexpr std::int64_t kAuditSeconds = std::int64_t{400} * 24 * 3600;
/// Rows that one search of the audit looks at, whether they match or not: it runs on the loop that serves
/// all.
inline constexpr std::size_t kMaxSearchedRows = 10'000;
/// How far the system's clock may have been set back between two rows, in seconds.
inline constexpr std::int64_t kClockSlackSeconds = 3600;
/// Serials that one write to disk reserves, at most; those that are left are skipped after a restart.
inline constexpr std::uint64_t kMaxSerialBlock = 256;
/// How exact the time of a service token's last use is, in seconds: not every request is worth a write.
inline constexpr std::int64_t kLastUsedSeconds = 60;

struct AuditRow {
  std::int64_t id = 0;
  std::int64_t time = 0;  ///< Unix seconds
  /// login, denial, certificate, tunnel_open, tunnel_close, and what administrators do: service_token_create,
  /// service_token_revoke, ca_generate, ca_rotate, ca_retire, ca_revoke, host_certificate,
  /// host_key_forget, tunnel_end, revoke; audit_gap; and host_key, which a terminal has seen first
  std::string kind;
  std::string identity;      ///< email, or name of a service token; empty without a user
  std::string application;   ///< host name
  std::string peer;          ///< address
  std::string ray;           ///< request id
  std::uint64_t serial = 0;  ///< of a certificate
  std::string key_id;        ///< of a certificate
  std::int64_t tunnel = 0;   ///< tunnel_close: the id of its tunnel_open row
  std::uint64_t up_bytes = 0;
  std::uint64_t down_bytes = 0;
  std::string reason;
  std::string login_method;  ///< name of the identity provider that a person has signed in at
  /// login of a person: the session that begins with it, and its end. They go to the table of sessions, and
  /// are not read back.
  std::string session;
  std::int64_t session_expires = 0;
};

/// A sign-in of a person.
struct SessionRow {
  std::string session;  ///< its name in the audit
  std::string email;
  std::string application;
  std::string login_method;  ///< name of the identity provider
  std::string peer;
  std::int64_t begun = 0;    ///< Unix seconds
  std::int64_t expires = 0;  ///< application tokens may outlive it by kMaxSession
  bool revoked = false;
};

/// Which sessions to list; an empty email is everybody's.
struct SessionQuery {
  std::string email;
  std::int64_t since = 0;  ///< begun then or later
  std::int64_t now = 0;    ///< and not expired
  std::size_t most = 0;
};

/// What to look for in the audit; what is empty is anything.
struct AuditQuery {
  std::int64_t since = 0;   ///< Unix seconds
  std::int64_t before = 0;  ///< only rows older than that one; 0: from the newest on
  std::string kind;
  std::string identity;
  std::string application;
  std::size_t most = 100;
};

/// Part of what matches, newest first.
struct AuditPage {
  std::vector<AuditRow> rows;
  /// The `before` of the next part; 0: there is none. Where few rows match, a part may hold fewer than were
  /// asked for, even none.
  std::int64_t next = 0;
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

  /// Never the same twice, not even after a crash: it belongs to a block that was reserved on disk before.
  /// Ascending, with gaps.
  virtual Result<std::uint64_t> next_serial() = 0;

  /// Notes that the certificates of these serials are void. Again is no fault. On disk when it returns.
  virtual Result<void> revoke_certificates(std::string_view hostname,
                                           const std::vector<std::uint64_t>& serials, std::int64_t now) = 0;
  /// The serials that were revoked at `since` or later, ascending.
  virtual Result<std::vector<std::uint64_t>> revoked_certificates(std::string_view hostname,
                                                                  std::int64_t since) = 0;

  /// Keeps `value` until it is taken or expires; replaces one of the same key. False when too many are kept.
  virtual Result<bool> put_pending(std::string_view kind, std::string_view key, std::string_view value,
                                   std::int64_t expires, std::int64_t now) = 0;
  /// True at the first call for a key of that kind, of all processes that share the state; it is remembered
  /// until then. What it is called for leaves a row in the audit too, so that there is no bound of its own.
  /// On disk when it returns.
  virtual Result<bool> use_once(std::string_view kind, std::string_view key, std::int64_t expires,
                                std::int64_t now) = 0;
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
  virtual Result<void> revoke_session(std::string_view session, std::int64_t until) = 0;
  virtual Result<bool> session_revoked(std::string_view session) = 0;
  /// A sign-in by its name, while a token of it may still be good.
  virtual Result<std::optional<SessionRow>> session(std::string_view session) = 0;
  /// Sign-ins that have neither expired nor been revoked, newest first.
  virtual Result<std::vector<SessionRow>> sessions(const SessionQuery& wanted) = 0;
  /// Another number than last time if anybody but this object has changed anything meanwhile.
  virtual Result<std::int64_t> others_changes() = 0;

  /// The row's id. What a row says becomes printable UTF-8 here (see audit_text.h).
  virtual Result<std::int64_t> append_audit(const AuditRow& row) = 0;
  /// All of the rows or none, in one write. On disk when it returns.
  virtual Result<std::vector<std::int64_t>> append_audit_together(const std::vector<AuditRow>& rows) = 0;
  /// The same for rows that waited in that spool; `number`, of the last of them, is remembered with them.
  virtual Result<std::vector<std::int64_t>> append_audit_spooled(const std::vector<AuditRow>& rows,
                                                                 std::size_t spool, std::int64_t number) = 0;
  /// That number; 0: there were none of that spool.
  virtual Result<std::int64_t> audit_spooled(std::size_t spool) = 0;
  /// The rows since then, oldest first, until `each` returns false.
  virtual Result<void> read_audit(std::int64_t since, const std::function<bool(const AuditRow&)>& each) = 0;
  /// Looks at kMaxSearchedRows rows at most.
  virtual Result<AuditPage> search_audit(const AuditQuery& wanted) = 0;
  /// The serials of the user certificates that were signed for this identity since then, ascending.
  virtual Result<std::vector<std::uint64_t>> certificate_serials(std::string_view hostname,
                                                                 std::string_view identity,
                                                                 std::int64_t since) = 0;
  /// Deletes what nothing needs any more, `most` rows of each kind at most: rows of the audit after
  /// kAuditSeconds, sessions and revocations of what has expired. How many it has deleted.
  virtual Result<std::int64_t> prune(std::int64_t now, std::int64_t most) = 0;
  /// The rows behind that one, oldest first, `most` of them.
  virtual Result<std::vector<AuditRow>> audit_behind(std::int64_t id, std::size_t most) = 0;
  /// How far the audit has been copied elsewhere: the id of a row. Where nothing ever was, that is the last
  /// row, from now on.
  virtual Result<std::int64_t> audit_copied() = 0;
  virtual Result<void> set_audit_copied(std::int64_t id) = 0;

  /// Everything as it is at this moment, into an empty file that can be put in the place of this state's.
  /// `name`: the file's, for messages.
  virtual Result<void> copy_into(int file, const std::string& name) = 0;
};

/// Opens DIR/edge.db, making directory and file as needed.
Result<std::unique_ptr<State>> open_sqlite_state(const std::string& dir);

}  // namespace cfpipe::edge
