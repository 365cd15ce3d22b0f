#include "edge/store/sqlite_host_keys.h"

namespace cfpipe::edge {

SqliteHostKeys::SqliteHostKeys(sqlite3* db)
    : db_(db),
      find_(db, "SELECT line FROM host_keys WHERE hostname = ? AND origin = ?"),
      add_(db,
           "INSERT INTO host_keys (hostname, origin, line, time) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"),
      all_(db, "SELECT hostname, origin, line, time FROM host_keys ORDER BY hostname, origin"),
      forget_(db, "DELETE FROM host_keys WHERE hostname = ?") {}

Result<std::string> SqliteHostKeys::find(std::string_view hostname, std::string_view origin) {
  Query query(find_);
  query.bind(hostname).bind(origin);
  if (query.step()) return query.text(0);
  if (!query.ok()) return database_failure(db_);
  return std::string();
}

Result<void> SqliteHostKeys::add(std::string_view hostname, std::string_view origin, std::string_view line,
                                 std::int64_t now) {
  Query query(add_);
  query.bind(hostname).bind(origin).bind(line).bind(now).step();
  if (!query.ok()) return database_failure(db_);
  return {};
}

Result<std::vector<HostKeyRow>> SqliteHostKeys::all() {
  std::vector<HostKeyRow> rows;
  Query query(all_);
  while (query.step()) rows.push_back({query.text(0), query.text(1), query.text(2), query.number(3)});
  if (!query.ok()) return database_failure(db_);
  return rows;
}

Result<std::int64_t> SqliteHostKeys::forget(std::string_view hostname) {
  Query query(forget_);
  query.bind(hostname).step();
  if (!query.ok()) return database_failure(db_);
  return sqlite3_changes(db_);
}

}  // namespace cfpipe::edge
