#include "edge/store/sqlite_audit_insert.h"

#include "edge/store/audit_text.h"

namespace cfpipe::edge {

SqliteAuditInsert::SqliteAuditInsert(sqlite3* db, SqliteRevocations& revocations)
    : db_(db),
      revocations_(revocations),
      add_(db,
           "INSERT INTO audit (time, kind, identity, application, peer, ray, serial, key_id, tunnel, "
           "up_bytes, "
           "down_bytes, reason, login_method) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)") {}

Result<std::int64_t> SqliteAuditInsert::add(const AuditRow& row) {
  const AuditRow clean = with_audit_text(row);
  Query query(add_);
  query.bind(clean.time).bind(clean.kind).bind(clean.identity).bind(clean.application).bind(clean.peer);
  query.bind(clean.ray).bind(static_cast<std::int64_t>(clean.serial)).bind(clean.key_id).bind(clean.tunnel);
  query.bind(static_cast<std::int64_t>(clean.up_bytes)).bind(static_cast<std::int64_t>(clean.down_bytes));
  query.bind(clean.reason).bind(clean.login_method).step();
  if (!query.ok()) return database_failure(db_);
  const std::int64_t id = sqlite3_last_insert_rowid(db_);
  if (clean.session.empty()) return id;
  if (auto added = revocations_.insert_session(clean, id); !added) return added.error();
  return id;
}

Result<std::int64_t> SqliteAuditInsert::insert(const AuditRow& row) {
  if (row.session.empty()) return add(row);
  Transaction transaction(db_);
  if (!transaction) return database_failure(db_);
  auto id = add(row);
  if (id && !transaction.commit()) return database_failure(db_);
  return id;
}

Result<std::vector<std::int64_t>> SqliteAuditInsert::add_each(const std::vector<AuditRow>& rows) {
  std::vector<std::int64_t> ids;
  for (const AuditRow& row : rows) {
    const auto id = add(row);
    if (!id) return id.error();
    ids.push_back(*id);
  }
  return ids;
}

Result<std::vector<std::int64_t>> SqliteAuditInsert::insert_all(const std::vector<AuditRow>& rows) {
  const Durable durable(db_);
  Transaction transaction(db_);
  if (!transaction) return database_failure(db_);
  auto ids = add_each(rows);
  if (ids && !transaction.commit()) return database_failure(db_);
  return ids;
}

}  // namespace cfpipe::edge
