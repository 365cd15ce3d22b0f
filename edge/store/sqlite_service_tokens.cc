#include "edge/store/sqlite_service_tokens.h"

#include <string>

namespace cfpipe::edge {
namespace {

const std::string kSelectServiceTokens =
    "SELECT name, client_id, secret_hash, created, expires, last_used FROM service_tokens ";

ServiceTokenRow service_token_row(const Query& query) {
  ServiceTokenRow row;
  row.name = query.text(0);
  row.client_id = query.text(1);
  row.secret_hash = query.text(2);
  row.created = query.number(3);
  row.expires = query.number(4);
  row.last_used = query.number(5);
  return row;
}

}  // namespace

SqliteServiceTokens::SqliteServiceTokens(sqlite3* db)
    : db_(db),
      insert_(db,
              "INSERT INTO service_tokens (name, client_id, secret_hash, created, expires, last_used) "
              "VALUES (?, ?, ?, ?, ?, 0) ON CONFLICT DO NOTHING"),
      find_(db, kSelectServiceTokens + "WHERE client_id = ?"),
      list_(db, kSelectServiceTokens + "ORDER BY name"),
      erase_(db, "DELETE FROM service_tokens WHERE name = ?"),
      touch_(db, "UPDATE service_tokens SET last_used = ?1 WHERE client_id = ?2 AND last_used < ?1 - ?3") {}

Result<bool> SqliteServiceTokens::insert(const ServiceTokenRow& row) {
  const Durable durable(db_);
  Query query(insert_);
  query.bind(row.name).bind(row.client_id).bind_blob(row.secret_hash).bind(row.created).bind(row.expires);
  query.step();
  if (!query.ok()) return database_failure(db_);
  return sqlite3_changes(db_) == 1;
}

Result<std::optional<ServiceTokenRow>> SqliteServiceTokens::find(std::string_view client_id) {
  Query query(find_);
  query.bind(client_id);
  std::optional<ServiceTokenRow> row;
  if (query.step()) row = service_token_row(query);
  if (!query.ok()) return database_failure(db_);
  return row;
}

Result<std::vector<ServiceTokenRow>> SqliteServiceTokens::list() {
  std::vector<ServiceTokenRow> rows;
  Query query(list_);
  while (query.step()) rows.push_back(service_token_row(query));
  if (!query.ok()) return database_failure(db_);
  return rows;
}

Result<bool> SqliteServiceTokens::erase(std::string_view name) {
  const Durable durable(db_);
  Query query(erase_);
  query.bind(name).step();
  if (!query.ok()) return database_failure(db_);
  return sqlite3_changes(db_) == 1;
}

Result<void> SqliteServiceTokens::touch(std::string_view client_id, std::int64_t now) {
  Query query(touch_);
  query.bind(now).bind(client_id).bind(kLastUsedSeconds).step();
  if (!query.ok()) return database_failure(db_);
  return {};
}

}  // namespace cfpipe::edge
