#include "edge/store/sqlite_keys.h"

#include "base/text.h"

namespace cfpipe::edge {
namespace {

constexpr std::size_t kAudienceBytes = 32;

}  // namespace

SqliteKeys::SqliteKeys(sqlite3* db)
    : db_(db),
      find_(db, "SELECT value FROM keys WHERE name = ?"),
      insert_(db, "INSERT INTO keys (name, value) VALUES (?, ?) ON CONFLICT DO NOTHING"),
      move_(db, "UPDATE OR REPLACE keys SET name = ?2 WHERE name = ?1"),
      erase_(db, "DELETE FROM keys WHERE name = ?"),
      list_(db, "SELECT name FROM keys WHERE name >= ? AND name < ? ORDER BY name"),
      find_audience_(db, "SELECT aud FROM applications WHERE hostname = ?"),
      insert_audience_(db, "INSERT INTO applications (hostname, aud) VALUES (?, ?) ON CONFLICT DO NOTHING") {}

Result<std::optional<Secret>> SqliteKeys::find(std::string_view name) {
  Query query(find_);
  query.bind(name);
  if (query.step()) return std::optional<Secret>(Secret(query.text(0)));
  if (!query.ok()) return database_failure(db_);
  return std::optional<Secret>();
}

Result<bool> SqliteKeys::insert(std::string_view name, const Secret& value) {
  const Durable durable(db_);
  Query query(insert_);
  query.bind(name).bind_blob(value.reveal()).step();
  if (!query.ok()) return database_failure(db_);
  return sqlite3_changes(db_) == 1;
}

Result<bool> SqliteKeys::move(std::string_view from, std::string_view to) {
  const Durable durable(db_);
  Query query(move_);
  query.bind(from).bind(to).step();
  if (!query.ok()) return database_failure(db_);
  return sqlite3_changes(db_) == 1;
}

Result<bool> SqliteKeys::erase(std::string_view name) {
  const Durable durable(db_);
  Query query(erase_);
  query.bind(name).step();
  if (!query.ok()) return database_failure(db_);
  return sqlite3_changes(db_) == 1;
}

Result<std::vector<std::string>> SqliteKeys::list(std::string_view prefix) {
  std::vector<std::string> names;
  std::string end(prefix);
  ++end.back();  // the first name behind all that begin so: prefixes end in '/'
  Query query(list_);
  query.bind(prefix).bind(end);
  while (query.step()) names.push_back(query.text(0));
  if (!query.ok()) return database_failure(db_);
  return names;
}

Result<std::string> SqliteKeys::audience(std::string_view hostname) {
  const Durable durable(db_);
  const std::string fresh = hex(random_bytes(kAudienceBytes));
  for (int attempt = 0; attempt < 2; ++attempt) {
    {
      Query query(find_audience_);
      query.bind(hostname);
      if (query.step()) return query.text(0);
      if (!query.ok()) return database_failure(db_);
    }
    Query insertion(insert_audience_);
    insertion.bind(hostname).bind(fresh).step();
    if (!insertion.ok()) return database_failure(db_);
  }
  return database_failure(db_);
}

}  // namespace cfpipe::edge
