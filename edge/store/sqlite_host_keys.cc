#include "edge/store/sqlite_host_keys.h"

#include <string>

namespace cfpipe::edge {
namespace {

const std::string kSelectHostKeys = "SELECT hostname, origin, line, time FROM host_keys ";

HostKeyRow host_key_row(const Query& query) {
  return {query.text(0), query.text(1), query.text(2), query.number(3)};
}

}  // namespace

SqliteHostKeys::SqliteHostKeys(sqlite3* db)
    : db_(db),
      find_(db, kSelectHostKeys + "WHERE hostname = ? AND origin = ?"),
      insert_(
          db,
          "INSERT INTO host_keys (hostname, origin, line, time) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"),
      list_(db, kSelectHostKeys + "ORDER BY hostname, origin"),
      erase_(db, "DELETE FROM host_keys WHERE hostname = ?") {}

Result<std::optional<HostKeyRow>> SqliteHostKeys::find(std::string_view hostname, std::string_view origin) {
  Query query(find_);
  query.bind(hostname).bind(origin);
  std::optional<HostKeyRow> row;
  if (query.step()) row = host_key_row(query);
  if (!query.ok()) return database_failure(db_);
  return row;
}

Result<bool> SqliteHostKeys::insert(const HostKeyRow& row) {
  Query query(insert_);
  query.bind(row.hostname).bind(row.origin).bind(row.line).bind(row.time).step();
  if (!query.ok()) return database_failure(db_);
  return sqlite3_changes(db_) == 1;
}

Result<std::vector<HostKeyRow>> SqliteHostKeys::list() {
  std::vector<HostKeyRow> rows;
  Query query(list_);
  while (query.step()) rows.push_back(host_key_row(query));
  if (!query.ok()) return database_failure(db_);
  return rows;
}

Result<std::int64_t> SqliteHostKeys::erase(std::string_view hostname) {
  Query query(erase_);
  query.bind(hostname).step();
  if (!query.ok()) return database_failure(db_);
  return sqlite3_changes(db_);
}

}  // namespace cfpipe::edge
