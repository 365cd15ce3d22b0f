#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "edge/sqlite.h"
#include "edge/state.h"

namespace cfpipe::edge {

/// The audit's part of the state in SQLite; what each does is said of State.
class SqliteAudit {
 public:
  /// Forgets what is older than kAuditSeconds. `db` outlives it; throws std::runtime_error, like Statement.
  explicit SqliteAudit(sqlite3* db);

  Result<std::int64_t> append(const AuditRow& row);
  Result<void> read(std::int64_t since, const std::function<void(const AuditRow&)>& each);
  Result<std::vector<AuditRow>> search(const AuditQuestion& question);
  Result<std::vector<AuditRow>> behind(std::int64_t id, std::size_t most);
  Result<std::int64_t> copied();
  Result<void> set_copied(std::int64_t id);

 private:
  sqlite3* db_;
  Statement add_;
  Statement read_;
  Statement search_;
  Statement behind_;
  Statement begin_copy_;
  Statement copied_;
  Statement set_copied_;
};

}  // namespace cfpipe::edge
