#pragma once

#include <cstdint>
#include <vector>

#include "edge/store/audit_store.h"
#include "edge/store/sqlite.h"
#include "edge/store/sqlite_revocations.h"

namespace cfpipe::edge {

/// Adds rows to the audit over one connection, and the sessions that begin with them.
class SqliteAuditInsert {
 public:
  /// Both outlive it; throws std::runtime_error, like Statement.
  SqliteAuditInsert(sqlite3* db, SqliteRevocations& revocations);

  /// As AuditStore has them.
  Result<std::int64_t> insert(const AuditRow& row);
  Result<std::vector<std::int64_t>> insert_all(const std::vector<AuditRow>& rows);
  /// Inside a transaction of the caller's.
  Result<std::vector<std::int64_t>> add_each(const std::vector<AuditRow>& rows);

 private:
  Result<std::int64_t> add(const AuditRow& row);

  sqlite3* db_;
  SqliteRevocations& revocations_;
  Statement add_;
};

}  // namespace cfpipe::edge
