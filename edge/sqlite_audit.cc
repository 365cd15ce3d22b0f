#include "edge/sqlite_audit.h"

#include <ctime>
#include <string>

namespace cfpipe::edge {
namespace {

/// All but the id, as an insertion has them; in front of them, what is read.
const std::string kColumns =
    "time, kind, identity, application, peer, ray, serial, key_id, tunnel, up_bytes, down_bytes, reason";
const std::string kSelect = "SELECT id, " + kColumns + " FROM audit ";

AuditRow row_of(const Query& query) {
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
  return row;
}

}  // namespace

SqliteAudit::SqliteAudit(sqlite3* db)
    : db_(db),
      add_(db, "INSERT INTO audit (" + kColumns + ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"),
      read_(db, kSelect + "WHERE time >= ? ORDER BY id"),
      search_(db, kSelect +
                      "WHERE time >= ?1 AND (?2 = 0 OR id < ?2) AND (?3 = '' OR kind = ?3) AND "
                      "(?4 = '' OR identity = ?4 COLLATE NOCASE) AND (?5 = '' OR application = ?5) "
                      "ORDER BY id DESC LIMIT ?6"),
      behind_(db, kSelect + "WHERE id > ? ORDER BY id LIMIT ?"),
      begin_copy_(db,
                  "INSERT INTO counters (name, value) SELECT 'audit-copied', coalesce(max(id), 0) FROM audit "
                  "WHERE true ON CONFLICT (name) DO NOTHING"),
      copied_(db, "SELECT value FROM counters WHERE name = 'audit-copied'"),
      set_copied_(db, "UPDATE counters SET value = ? WHERE name = 'audit-copied'") {
  const Statement old(db, "DELETE FROM audit WHERE time < ?");
  Query(old).bind(std::time(nullptr) - kAuditSeconds).step();
}

Result<std::int64_t> SqliteAudit::append(const AuditRow& row) {
  Query query(add_);
  query.bind(row.time).bind(row.kind).bind(row.identity).bind(row.application).bind(row.peer).bind(row.ray);
  query.bind(static_cast<std::int64_t>(row.serial)).bind(row.key_id).bind(row.tunnel);
  query.bind(static_cast<std::int64_t>(row.up_bytes)).bind(static_cast<std::int64_t>(row.down_bytes));
  query.bind(row.reason).step();
  if (!query.ok()) return database_failure(db_);
  return sqlite3_last_insert_rowid(db_);
}

Result<void> SqliteAudit::read(std::int64_t since, const std::function<void(const AuditRow&)>& each) {
  Query query(read_);
  query.bind(since);
  while (query.step()) each(row_of(query));
  if (!query.ok()) return database_failure(db_);
  return {};
}

Result<std::vector<AuditRow>> SqliteAudit::search(const AuditQuestion& question) {
  std::vector<AuditRow> rows;
  Query query(search_);
  query.bind(question.since).bind(question.before).bind(question.kind).bind(question.identity);
  query.bind(question.application).bind(static_cast<std::int64_t>(question.most));
  while (query.step()) rows.push_back(row_of(query));
  if (!query.ok()) return database_failure(db_);
  return rows;
}

Result<std::vector<AuditRow>> SqliteAudit::behind(std::int64_t id, std::size_t most) {
  Query query(behind_);
  query.bind(id).bind(static_cast<std::int64_t>(most));
  std::vector<AuditRow> rows;
  while (query.step()) rows.push_back(row_of(query));
  if (!query.ok()) return database_failure(db_);
  return rows;
}

Result<std::int64_t> SqliteAudit::copied() {
  if (Query begin(begin_copy_); begin.step(), !begin.ok()) return database_failure(db_);
  Query query(copied_);
  if (!query.step()) return database_failure(db_);
  return query.number(0);
}

Result<void> SqliteAudit::set_copied(std::int64_t id) {
  Query query(set_copied_);
  query.bind(id).step();
  if (!query.ok()) return database_failure(db_);
  return {};
}

}  // namespace cfpipe::edge
