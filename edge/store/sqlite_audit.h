#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "edge/store/sqlite.h"
#include "edge/store/sqlite_sessions.h"
#include "edge/store/store.h"

namespace cfpipe::edge {

/// The audit's part of the state in SQLite; what each does is said of State.
class SqliteAudit {
 public:
  /// `sessions` takes those that begin. Both outlive it; throws std::runtime_error, like Statement.
  SqliteAudit(sqlite3* db, SqliteSessions& sessions);

  Result<std::int64_t> append(const AuditRow& row);
  Result<std::vector<std::int64_t>> append_together(const std::vector<AuditRow>& rows);
  Result<std::vector<std::int64_t>> append_spooled(const std::vector<AuditRow>& rows, std::size_t spool,
                                                   std::int64_t number);
  Result<std::int64_t> spooled(std::size_t spool);
  Result<void> read(std::int64_t since, const std::function<bool(const AuditRow&)>& each);
  Result<AuditPage> search(const AuditQuery& wanted);
  Result<std::vector<std::uint64_t>> certificates(std::string_view hostname, std::string_view identity,
                                                  std::int64_t since);
  Result<std::int64_t> prune(std::int64_t now, std::int64_t most);
  Result<std::vector<AuditRow>> behind(std::int64_t id, std::size_t most);
  Result<std::int64_t> copied();
  Result<void> set_copied(std::int64_t id);

 private:
  Result<std::int64_t> insert(const AuditRow& row);
  Result<std::vector<std::int64_t>> insert_all(const std::vector<AuditRow>& rows);
  const Statement& found_by(const AuditQuery& wanted) const;

  sqlite3* db_;
  SqliteSessions& sessions_;
  Statement add_;
  Statement read_;
  Statement search_;
  Statement search_identity_;
  Statement search_application_;
  Statement search_kind_;
  Statement certificates_;
  Statement prune_;
  Statement behind_;
  Statement begin_copy_;
  Statement copied_;
  Statement set_copied_;
  Statement spooled_;
  Statement set_spooled_;
};

}  // namespace cfpipe::edge
