#include "edge/store/sqlite_connectors.h"

#include <algorithm>
#include <string>
#include <tuple>

#include "edge/store/tunnel_store.h"

namespace cfpipe::edge {
namespace {

/// In the order of connector_row().
const std::string kConnectorColumns = "id, name, public_key, host, created, last_attached";

ConnectorRow connector_row(const Query& query) {
  ConnectorRow row;
  row.id = query.text(0);
  row.name = query.text(1);
  row.public_key = query.text(2);
  row.host = query.text(3);
  row.created = query.number(4);
  row.last_attached = query.number(5);
  return row;
}

AttachmentRow attachment_of(const Query& query) {
  AttachmentRow row;
  row.edge = query.text(0);
  row.connector = query.text(1);
  row.instance = query.text(2);
  row.version = query.text(3);
  row.peer = query.text(4);
  row.since = query.number(5);
  row.connections = query.number(6);
  row.tunnels = query.number(7);
  return row;
}

}  // namespace

SqliteConnectors::SqliteConnectors(sqlite3* db)
    : db_(db),
      insert_(db, "INSERT INTO connectors (" + kConnectorColumns +
                      ") SELECT ?, ?, ?, ?, ?, 0 WHERE (SELECT count(*) FROM connectors) < ? "
                      "ON CONFLICT DO NOTHING"),
      find_(db, "SELECT " + kConnectorColumns + " FROM connectors WHERE id = ?"),
      list_(db, "SELECT " + kConnectorColumns + " FROM connectors ORDER BY name, created, id"),
      erase_(db, "DELETE FROM connectors WHERE id = ?"),
      erase_named_(db, "DELETE FROM connectors WHERE name = ? RETURNING " + kConnectorColumns),
      touch_(db, "UPDATE connectors SET last_attached = ?1 WHERE id = ?2 AND last_attached < ?1 - ?3"),
      list_attached_(db,
                     "SELECT edge, connector, instance, version, peer, since, connections, tunnels FROM "
                     "attachments WHERE edge IN (SELECT edge FROM edges WHERE alive >= ? AND edge <> ?) "
                     "LIMIT ?") {}

Result<bool> SqliteConnectors::insert(const ConnectorRow& row) {
  const Durable durable(db_);
  Query query(insert_);
  query.bind(row.id).bind(row.name).bind_blob(row.public_key).bind(row.host).bind(row.created);
  query.bind(kMaxConnectors).step();
  if (!query.ok()) return database_failure(db_);
  return sqlite3_changes(db_) == 1;
}

Result<std::optional<ConnectorRow>> SqliteConnectors::find(std::string_view id) {
  Query query(find_);
  query.bind(id);
  std::optional<ConnectorRow> row;
  if (query.step()) row = connector_row(query);
  if (!query.ok()) return database_failure(db_);
  return row;
}

Result<std::vector<ConnectorRow>> SqliteConnectors::list() {
  std::vector<ConnectorRow> rows;
  Query query(list_);
  while (query.step()) rows.push_back(connector_row(query));
  if (!query.ok()) return database_failure(db_);
  return rows;
}

Result<bool> SqliteConnectors::erase(std::string_view id) {
  const Durable durable(db_);
  Query query(erase_);
  query.bind(id).step();
  if (!query.ok()) return database_failure(db_);
  return sqlite3_changes(db_) == 1;
}

Result<std::vector<ConnectorRow>> SqliteConnectors::erase_named(std::string_view name) {
  const Durable durable(db_);
  std::vector<ConnectorRow> rows;
  Query query(erase_named_);
  query.bind(name);
  while (query.step()) rows.push_back(connector_row(query));
  if (!query.ok()) return database_failure(db_);
  return rows;
}

Result<void> SqliteConnectors::touch(std::string_view id, std::int64_t now) {
  Query query(touch_);
  query.bind(now).bind(id).bind(kLastAttachedSeconds).step();
  if (!query.ok()) return database_failure(db_);
  return {};
}

Result<std::vector<AttachmentRow>> SqliteConnectors::list_attached(std::int64_t now,
                                                                   std::string_view except) {
  std::vector<AttachmentRow> rows;
  Query query(list_attached_);
  query.bind(now - kEdgeSilenceSeconds).bind(except);
  query.bind(static_cast<std::int64_t>(kMaxListedAttachments));
  while (query.step()) rows.push_back(attachment_of(query));
  if (!query.ok()) return database_failure(db_);
  std::sort(rows.begin(), rows.end(), [](const AttachmentRow& a, const AttachmentRow& b) {
    return std::tie(a.since, a.connector, a.instance) < std::tie(b.since, b.connector, b.instance);
  });
  return rows;
}

}  // namespace cfpipe::edge
