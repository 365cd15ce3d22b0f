#include "edge/store/sqlite_tunnel_changes.h"

#include "edge/store/audit_text.h"

namespace cfpipe::edge {
namespace {

OpenTunnelRow printable_tunnel(OpenTunnelRow row) {
  for (std::string* text : {&row.identity, &row.application, &row.peer, &row.session, &row.to})
    *text = audit_text(*text);
  return row;
}

}  // namespace

SqliteTunnelChanges::SqliteTunnelChanges(sqlite3* db)
    : db_(db),
      alive_(db, "UPDATE edges SET alive = ?2 WHERE edge = ?1"),
      begin_(db, "INSERT INTO edges (edge, alive) VALUES (?, ?)"),
      insert_(db,
              "INSERT OR REPLACE INTO tunnels (edge, id, identity, application, peer, session, destination, "
              "since, terminal, up_bytes, down_bytes, detached) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"),
      move_(db, "UPDATE tunnels SET up_bytes = ?, down_bytes = ?, detached = ? WHERE edge = ? AND id = ?"),
      erase_(db, "DELETE FROM tunnels WHERE edge = ? AND id = ?"),
      erase_edge_(db, "DELETE FROM edges WHERE edge = ?"),
      attach_(db,
              "INSERT OR REPLACE INTO attachments (edge, connector, instance, version, peer, since, "
              "connections, tunnels) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"),
      detach_(db, "DELETE FROM attachments WHERE edge = ? AND connector = ? AND instance = ?") {}

Result<bool> SqliteTunnelChanges::publish(const std::string& edge, const TunnelChanges& changes,
                                          std::int64_t now) {
  Transaction transaction(db_);
  if (!transaction) return database_failure(db_);
  auto known = write(edge, changes, now);
  if (known && !transaction.commit()) return database_failure(db_);
  return known;
}

/// Notes that a process lives; false if it was not known.
Result<bool> SqliteTunnelChanges::is_alive(const std::string& edge, std::int64_t now) {
  Query alive(alive_);
  alive.bind(edge).bind(now).step();
  if (!alive.ok()) return database_failure(db_);
  if (sqlite3_changes(db_) == 1) return true;
  Query begin(begin_);
  begin.bind(edge).bind(now).step();
  if (!begin.ok()) return database_failure(db_);
  return false;
}

Result<bool> SqliteTunnelChanges::write(const std::string& edge, const TunnelChanges& changes,
                                        std::int64_t now) {
  auto known = is_alive(edge, now);
  if (!known) return known;
  if (const auto wrote = write_tunnels(edge, changes); !wrote) return wrote.error();
  if (const auto wrote = write_attachments(edge, changes); !wrote) return wrote.error();
  return known;
}

Result<void> SqliteTunnelChanges::write_tunnels(const std::string& edge, const TunnelChanges& changes) {
  for (const std::int64_t id : changes.closed) {
    Query query(erase_);
    query.bind(edge).bind(id).step();
    if (!query.ok()) return database_failure(db_);
  }
  for (const OpenTunnelRow& opened : changes.opened) {
    const OpenTunnelRow row = printable_tunnel(opened);
    Query query(insert_);
    query.bind(edge).bind(row.id).bind(row.identity).bind(row.application).bind(row.peer).bind(row.session);
    query.bind(row.to).bind(row.since).bind(std::int64_t{row.terminal});
    query.bind(static_cast<std::int64_t>(row.up_bytes)).bind(static_cast<std::int64_t>(row.down_bytes));
    query.bind(row.detached).step();
    if (!query.ok()) return database_failure(db_);
  }
  for (const TunnelChanges::Moved& moved : changes.moved) {
    Query query(move_);
    query.bind(static_cast<std::int64_t>(moved.up_bytes)).bind(static_cast<std::int64_t>(moved.down_bytes));
    query.bind(moved.detached).bind(edge).bind(moved.id).step();
    if (!query.ok()) return database_failure(db_);
  }
  return {};
}

Result<void> SqliteTunnelChanges::write_attachments(const std::string& edge, const TunnelChanges& changes) {
  for (const TunnelChanges::Detached& gone : changes.detached) {
    Query query(detach_);
    query.bind(edge).bind(gone.connector).bind(gone.instance).step();
    if (!query.ok()) return database_failure(db_);
  }
  for (const AttachmentRow& row : changes.attached) {
    const std::string version = audit_text(row.version);
    const std::string peer = audit_text(row.peer);
    Query query(attach_);
    query.bind(edge).bind(row.connector).bind(row.instance).bind(version).bind(peer).bind(row.since);
    query.bind(row.connections).bind(row.tunnels).step();
    if (!query.ok()) return database_failure(db_);
  }
  return {};
}

Result<void> SqliteTunnelChanges::erase_edge(const std::string& edge) {
  Query query(erase_edge_);
  query.bind(edge).step();
  if (!query.ok()) return database_failure(db_);
  return {};
}

}  // namespace cfpipe::edge
