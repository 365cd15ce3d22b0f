#pragma once

#include <cstdint>
#include <string>

#include "edge/store/sqlite.h"
#include "edge/store/tunnel_store.h"

namespace cfpipe::edge {

/// Writes the changes of a process's open tunnels and attached connectors, over whichever connection.
class SqliteTunnelChanges {
 public:
  /// `db` outlives it; throws std::runtime_error, like Statement.
  explicit SqliteTunnelChanges(sqlite3* db);
  /// As TunnelStore::async_publish().
  Result<bool> publish(const std::string& edge, const TunnelChanges& changes, std::int64_t now);
  Result<void> erase_edge(const std::string& edge);

 private:
  Result<bool> is_alive(const std::string& edge, std::int64_t now);
  Result<bool> write(const std::string& edge, const TunnelChanges& changes, std::int64_t now);
  Result<void> write_tunnels(const std::string& edge, const TunnelChanges& changes);
  Result<void> write_attachments(const std::string& edge, const TunnelChanges& changes);

  sqlite3* db_;
  Statement alive_;
  Statement begin_;
  Statement insert_;
  Statement move_;
  Statement erase_;
  Statement erase_edge_;
  Statement attach_;
  Statement detach_;
};

}  // namespace cfpipe::edge
