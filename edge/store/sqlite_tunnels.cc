#include "edge/store/sqlite_tunnels.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace cfpipe::edge {
namespace {

/// In the order of open_tunnel_row().
const std::string kTunnelColumns =
    "edge, id, identity, application, peer, session, destination, since, terminal, up_bytes, down_bytes, "
    "detached";

OpenTunnelRow open_tunnel_row(const Query& query) {
  OpenTunnelRow row;
  row.edge = query.text(0);
  row.id = query.number(1);
  row.identity = query.text(2);
  row.application = query.text(3);
  row.peer = query.text(4);
  row.session = query.text(5);
  row.to = query.text(6);
  row.since = query.number(7);
  row.terminal = query.number(8) != 0;
  row.up_bytes = static_cast<std::uint64_t>(query.number(9));
  row.down_bytes = static_cast<std::uint64_t>(query.number(10));
  row.detached = query.number(11);
  return row;
}

}  // namespace

SqliteTunnels::SqliteTunnels(sqlite3* db, SqliteWriter& writer)
    : db_(db),
      writer_(writer),
      prune_(db, "DELETE FROM edges WHERE edge IN (SELECT edge FROM edges WHERE alive < ? LIMIT ?)"),
      list_(db, "SELECT " + kTunnelColumns +
                    " FROM tunnels WHERE edge IN (SELECT edge FROM edges WHERE alive >= ? AND edge <> ?) "
                    "LIMIT ?"),
      ask_to_end_(db, "UPDATE tunnels SET asked_to_end = ? WHERE edge = ? AND id = ?"),
      list_asked_to_end_(db, "SELECT id, asked_to_end FROM tunnels WHERE edge = ? AND asked_to_end > 0") {}

boost::asio::awaitable<Result<bool>> SqliteTunnels::async_publish(std::string edge, TunnelChanges changes,
                                                                  std::int64_t now) {
  return writer_.publish(std::move(edge), std::move(changes), now);
}

boost::asio::awaitable<Result<void>> SqliteTunnels::async_erase_edge(std::string edge) {
  return writer_.erase_edge(std::move(edge));
}

Result<std::int64_t> SqliteTunnels::prune(std::int64_t now, std::int64_t most) {
  Query query(prune_);
  query.bind(now - kEdgeSilenceSeconds).bind(most).step();
  if (!query.ok()) return database_failure(db_);
  return sqlite3_changes(db_);
}

Result<std::vector<OpenTunnelRow>> SqliteTunnels::list(std::int64_t now, std::string_view except) {
  std::vector<OpenTunnelRow> rows;
  Query query(list_);
  query.bind(now - kEdgeSilenceSeconds).bind(except).bind(static_cast<std::int64_t>(kMaxListedTunnels));
  while (query.step()) rows.push_back(open_tunnel_row(query));
  if (!query.ok()) return database_failure(db_);
  std::sort(rows.begin(), rows.end(), [](const OpenTunnelRow& a, const OpenTunnelRow& b) {
    return std::tie(a.since, a.id) < std::tie(b.since, b.id);
  });
  return rows;
}

Result<bool> SqliteTunnels::ask_to_end(std::string_view edge, std::int64_t id, EndedBy who) {
  Query query(ask_to_end_);
  query.bind(static_cast<std::int64_t>(who)).bind(edge).bind(id).step();
  if (!query.ok()) return database_failure(db_);
  return sqlite3_changes(db_) == 1;
}

Result<std::vector<TunnelStore::Asked>> SqliteTunnels::list_asked_to_end(std::string_view edge) {
  std::vector<Asked> asked;
  Query query(list_asked_to_end_);
  query.bind(edge);
  while (query.step())
    asked.push_back({query.number(0), query.number(1) == static_cast<std::int64_t>(EndedBy::owner)
                                          ? EndedBy::owner
                                          : EndedBy::administrator});
  if (!query.ok()) return database_failure(db_);
  return asked;
}

}  // namespace cfpipe::edge
