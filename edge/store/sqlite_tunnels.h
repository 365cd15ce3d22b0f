#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "edge/store/sqlite.h"
#include "edge/store/sqlite_writer.h"
#include "edge/store/tunnel_store.h"

namespace cfpipe::edge {

/// The TunnelStore in SQLite.
class SqliteTunnels final : public TunnelStore {
 public:
  /// `writer` writes what async_publish() is given. Both outlive it; throws std::runtime_error, like
  /// Statement.
  SqliteTunnels(sqlite3* db, SqliteWriter& writer);

  boost::asio::awaitable<Result<bool>> async_publish(std::string edge, TunnelChanges changes,
                                                     std::int64_t now) override;
  boost::asio::awaitable<Result<void>> async_erase_edge(std::string edge) override;
  Result<std::int64_t> prune(std::int64_t now, std::int64_t most) override;
  Result<std::vector<OpenTunnelRow>> list(std::int64_t now, std::string_view except) override;
  Result<bool> ask_to_end(std::string_view edge, std::int64_t id, EndedBy who) override;
  Result<std::vector<Asked>> list_asked_to_end(std::string_view edge) override;

 private:
  sqlite3* db_;
  SqliteWriter& writer_;
  Statement prune_;
  Statement list_;
  Statement ask_to_end_;
  Statement list_asked_to_end_;
};

}  // namespace cfpipe::edge
