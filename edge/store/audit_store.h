#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace cfpipe::edge {

/// Age at which rows of the audit are deleted.
inline constexpr std::int64_t kAuditSeconds = std::int64_t{400} * 24 * 3600;
/// Rows that one search of the audit looks at, whether they match or not: it runs on the loop that serves
/// all.
inline constexpr std::size_t kMaxSearchedRows = 10'000;
/// How far the system's clock may have been set back between two rows, in seconds.
inline constexpr std::int64_t kClockSlackSeconds = 3600;

struct AuditRow {
  std::int64_t id = 0;
  std::int64_t time = 0;  ///< Unix seconds
  /// login, denial, certificate, tunnel_open, tunnel_close, and what administrators do: service_token_create,
  /// service_token_revoke, ca_generate, ca_rotate, ca_cancel, ca_retire, ca_revoke, host_certificate,
  /// host_key_forget, tunnel_end, revoke, connector_created, connector_revoked; what connectors do:
  /// connector_enrolled, connector_attached, connector_detached, connector_refused; audit_gap; and host_key,
  /// which a terminal has seen first, and files, which one has moved
  std::string kind;
  std::string identity;      ///< email, or name of a service token or connector; empty without a user
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
  /// login of a person: the session that begins with it, its end and its device. They are stored as a session
  /// (see RevocationStore) and are not read back.
  std::string session;
  std::int64_t session_expires = 0;
  std::string session_device;  ///< browser and system of the sign-in
};

/// What to look for in the audit. An empty field matches every row.
struct AuditQuery {
  std::int64_t since = 0;   ///< Unix seconds
  std::int64_t before = 0;  ///< only rows with a lower id; 0: from the newest on
  std::string kind;
  std::string identity;
  std::string application;
  std::size_t most = 100;
};

/// Part of what matches, newest first.
struct AuditPage {
  std::vector<AuditRow> rows;
  /// The `before` of the next part; 0: there is none. Where few rows match, a part may hold fewer rows than
  /// were asked for, even none.
  std::int64_t next = 0;
};

/// The audit: rows that are only ever added, numbered in the order of their insertion, and deleted once they
/// are kAuditSeconds old. Texts of a row become printable UTF-8 as they are stored (see audit_text.h). A row
/// that begins a session is stored with it, both or none. Failures are Stage::state with one printable line.
class AuditStore {
 public:
  virtual ~AuditStore() = default;

  /// Adds a row. Returns its id. The row may be lost if the system crashes.
  virtual Result<std::int64_t> insert(const AuditRow& row) = 0;
  /// Adds rows in one write: all or none. Returns their ids. On disk when it returns.
  virtual Result<std::vector<std::int64_t>> insert_all(const std::vector<AuditRow>& rows) = 0;
  /// The same for a loop that has other work meanwhile: the store waits for the disk elsewhere. Calls are
  /// carried out in their order. Each may be abandoned, and what it has begun is then finished without it.
  virtual boost::asio::awaitable<Result<std::vector<std::int64_t>>> async_insert_all(
      std::vector<AuditRow> rows) = 0;
  /// As insert_all() for rows that waited in a spool, and stores `number`, of the last of them, as that
  /// spool's mark in the same write.
  virtual Result<std::vector<std::int64_t>> insert_spooled(const std::vector<AuditRow>& rows,
                                                           std::size_t spool, std::int64_t number) = 0;
  /// The mark of a spool: the number of its last row that the store has; 0 if it has none.
  virtual Result<std::int64_t> spool_mark(std::size_t spool) = 0;

  /// Calls `each` for the rows since that time, sorted by time and id, until it returns false.
  virtual Result<void> read(std::int64_t since, const std::function<bool(const AuditRow&)>& each) = 0;
  /// Looks at kMaxSearchedRows rows at most.
  virtual Result<AuditPage> search(const AuditQuery& wanted) = 0;
  /// The rows with an id above `id`, ascending, `most` of them at most.
  virtual Result<std::vector<AuditRow>> list_after(std::int64_t id, std::size_t most) = 0;
  /// The serials of the user certificates that were signed for an identity since then, ascending.
  virtual Result<std::vector<std::uint64_t>> list_certificates(std::string_view hostname,
                                                               std::string_view identity,
                                                               std::int64_t since) = 0;

  /// How far the audit has been copied elsewhere: the id of a row. The first call marks the last row.
  virtual Result<std::int64_t> copy_mark() = 0;
  /// Moves that mark, which copy_mark() has made.
  virtual Result<void> set_copy_mark(std::int64_t id) = 0;

  /// Deletes rows that are older than kAuditSeconds, `most` at most, oldest first. Returns how many it has
  /// deleted.
  virtual Result<std::int64_t> prune(std::int64_t now, std::int64_t most) = 0;
};

}  // namespace cfpipe::edge
