#include "edge/store/sqlite_audit.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

#include "base/text.h"
#include "edge/store/audit_text.h"

namespace cfpipe::edge {
namespace {

/// Rows that are read at a time.
constexpr std::int64_t kReadRows = 1000;

/// In the order of audit_row().
const std::string kAuditColumns =
    "id, time, kind, identity, application, peer, ray, serial, key_id, tunnel, up_bytes, down_bytes, "
    "reason, login_method";
const std::string kSelectAudit = "SELECT " + kAuditColumns + " FROM audit ";

AuditRow audit_row(const Query& query) {
  AuditRow row;
  row.id = query.number(0);
  row.time = query.number(1);
  row.kind = query.text(2);
  row.identity = query.text(3);
  row.application = query.text(4);
  row.peer = query.text(5);
  row.ray = query.text(6);
  row.serial = static_cast<std::uint64_t>(query.number(7));
  row.key_id = query.text(8);
  row.tunnel = query.number(9);
  row.up_bytes = static_cast<std::uint64_t>(query.number(10));
  row.down_bytes = static_cast<std::uint64_t>(query.number(11));
  row.reason = query.text(12);
  row.login_method = query.text(13);
  return row;
}

/// Before anything of the row is copied.
bool matches(const Query& query, const AuditQuery& wanted) {
  return query.number(1) >= wanted.since && (wanted.kind.empty() || query.text(2) == wanted.kind) &&
         (wanted.identity.empty() || same_text(query.text(3), wanted.identity)) &&
         (wanted.application.empty() || query.text(4) == wanted.application);
}

/// Its row of the counters.
std::string spool_counter(std::size_t spool) {
  return "audit-spooled" + (spool == 0 ? std::string() : "-" + std::to_string(spool));
}

}  // namespace

SqliteAudit::SqliteAudit(sqlite3* db, SqliteRevocations& revocations, SqliteWriter& writer)
    : db_(db),
      writer_(writer),
      insert_(db, revocations),
      read_(db, kSelectAudit + "WHERE (time, id) > (?, ?) ORDER BY time, id LIMIT ?"),
      search_(db, kSelectAudit + "WHERE id < ?1 ORDER BY id DESC LIMIT ?2"),
      search_identity_(
          db, kSelectAudit + "WHERE id < ?1 AND identity = ?3 COLLATE NOCASE ORDER BY id DESC LIMIT ?2"),
      search_application_(db, kSelectAudit + "WHERE id < ?1 AND application = ?3 ORDER BY id DESC LIMIT ?2"),
      search_kind_(db, kSelectAudit + "WHERE id < ?1 AND kind = ?3 ORDER BY id DESC LIMIT ?2"),
      list_after_(db, kSelectAudit + "WHERE id > ? ORDER BY id LIMIT ?"),
      list_certificates_(db,
                         "SELECT serial FROM audit WHERE kind = 'certificate' AND application = ? AND "
                         "identity = ? COLLATE NOCASE AND time >= ?"),
      begin_copy_(db,
                  "INSERT INTO counters (name, value) SELECT 'audit-copied', coalesce(max(id), 0) FROM audit "
                  "WHERE true ON CONFLICT (name) DO NOTHING"),
      copy_mark_(db, "SELECT value FROM counters WHERE name = 'audit-copied'"),
      set_copy_mark_(db, "UPDATE counters SET value = ? WHERE name = 'audit-copied'"),
      spool_mark_(db, "SELECT value FROM counters WHERE name = ?"),
      set_spool_mark_(db,
                      "INSERT INTO counters (name, value) VALUES (?, ?) "
                      "ON CONFLICT (name) DO UPDATE SET value = excluded.value"),
      prune_(db,
             "DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE time < ? ORDER BY time LIMIT ?)") {}

Result<std::int64_t> SqliteAudit::insert(const AuditRow& row) {
  return insert_.insert(row);
}

Result<std::vector<std::int64_t>> SqliteAudit::insert_all(const std::vector<AuditRow>& rows) {
  return insert_.insert_all(rows);
}

boost::asio::awaitable<Result<std::vector<std::int64_t>>> SqliteAudit::async_insert_all(
    std::vector<AuditRow> rows) {
  return writer_.insert_all(std::move(rows));
}

Result<std::vector<std::int64_t>> SqliteAudit::insert_spooled(const std::vector<AuditRow>& rows,
                                                              std::size_t spool, std::int64_t number) {
  const Durable durable(db_);
  Transaction transaction(db_);
  if (!transaction) return database_failure(db_);
  auto ids = insert_.add_each(rows);
  if (!ids) return ids;
  Query mark(set_spool_mark_);
  const std::string counter = spool_counter(spool);
  mark.bind(counter).bind(number).step();
  if (!mark.ok() || !transaction.commit()) return database_failure(db_);
  return ids;
}

Result<std::int64_t> SqliteAudit::spool_mark(std::size_t spool) {
  const std::string counter = spool_counter(spool);
  Query query(spool_mark_);
  query.bind(counter);
  const bool found = query.step();
  if (!query.ok()) return database_failure(db_);
  return found ? query.number(0) : 0;
}

// By parts: a reader that takes its time must not keep SQLite from reusing its log.
Result<void> SqliteAudit::read(std::int64_t since, const std::function<bool(const AuditRow&)>& each) {
  std::int64_t time = since;
  std::int64_t id = 0;
  std::vector<AuditRow> rows;
  do {
    rows.clear();
    Query query(read_);
    query.bind(time).bind(id).bind(kReadRows);
    while (query.step()) rows.push_back(audit_row(query));
    if (!query.ok()) return database_failure(db_);
    for (const AuditRow& row : rows)
      if (!each(row)) return {};
    if (!rows.empty()) time = rows.back().time;
    if (!rows.empty()) id = rows.back().id;
  } while (!rows.empty());
  return {};
}

/// The statement whose index leaves the fewest rows to look at.
const Statement& SqliteAudit::found_by(const AuditQuery& wanted) const {
  if (!wanted.identity.empty()) return search_identity_;
  if (!wanted.application.empty()) return search_application_;
  if (!wanted.kind.empty()) return search_kind_;
  return search_;
}

Result<AuditPage> SqliteAudit::search(const AuditQuery& wanted) {
  AuditPage page;
  std::size_t seen = 0;
  Query query(found_by(wanted));
  query.bind(wanted.before > 0 ? wanted.before : std::numeric_limits<std::int64_t>::max());
  query.bind(static_cast<std::int64_t>(kMaxSearchedRows));
  const std::string& key = !wanted.identity.empty()      ? wanted.identity
                           : !wanted.application.empty() ? wanted.application
                                                         : wanted.kind;
  if (!key.empty()) query.bind(key);
  while (page.rows.size() < wanted.most && query.step()) {
    ++seen;
    page.next = query.number(0);
    if (query.number(1) < wanted.since - kClockSlackSeconds) return AuditPage{std::move(page.rows), 0};
    if (matches(query, wanted)) page.rows.push_back(audit_row(query));
  }
  if (!query.ok()) return database_failure(db_);
  if (page.rows.size() < wanted.most && seen < kMaxSearchedRows) page.next = 0;
  return page;
}

Result<std::vector<std::uint64_t>> SqliteAudit::list_certificates(std::string_view hostname,
                                                                  std::string_view identity,
                                                                  std::int64_t since) {
  std::vector<std::uint64_t> serials;
  Query query(list_certificates_);
  query.bind(hostname).bind(identity).bind(since);
  while (query.step()) serials.push_back(static_cast<std::uint64_t>(query.number(0)));
  if (!query.ok()) return database_failure(db_);
  std::sort(serials.begin(), serials.end());
  return serials;
}

Result<std::int64_t> SqliteAudit::prune(std::int64_t now, std::int64_t most) {
  Query query(prune_);
  query.bind(now - kAuditSeconds).bind(most).step();
  if (!query.ok()) return database_failure(db_);
  return sqlite3_changes(db_);
}

Result<std::vector<AuditRow>> SqliteAudit::list_after(std::int64_t id, std::size_t most) {
  Query query(list_after_);
  query.bind(id).bind(static_cast<std::int64_t>(most));
  std::vector<AuditRow> rows;
  while (query.step()) rows.push_back(audit_row(query));
  if (!query.ok()) return database_failure(db_);
  return rows;
}

Result<std::int64_t> SqliteAudit::copy_mark() {
  if (Query begin(begin_copy_); begin.step(), !begin.ok()) return database_failure(db_);
  Query query(copy_mark_);
  if (!query.step()) return database_failure(db_);
  return query.number(0);
}

Result<void> SqliteAudit::set_copy_mark(std::int64_t id) {
  Query query(set_copy_mark_);
  query.bind(id).step();
  if (!query.ok()) return database_failure(db_);
  return {};
}

}  // namespace cfpipe::edge
