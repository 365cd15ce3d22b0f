#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "edge/store/connector_store.h"
#include "edge/store/sqlite.h"

namespace cfpipe::edge {

/// The ConnectorStore in SQLite.
class SqliteConnectors final : public ConnectorStore {
 public:
  /// `db` outlives it; throws std::runtime_error, like Statement.
  explicit SqliteConnectors(sqlite3* db);

  Result<bool> insert(const ConnectorRow& row) override;
  Result<std::optional<ConnectorRow>> find(std::string_view id) override;
  Result<std::vector<ConnectorRow>> list() override;
  Result<bool> erase(std::string_view id) override;
  Result<std::vector<ConnectorRow>> erase_named(std::string_view name) override;
  Result<void> touch(std::string_view id, std::int64_t now) override;
  Result<std::vector<AttachmentRow>> list_attached(std::int64_t now, std::string_view except) override;

 private:
  sqlite3* db_;
  Statement insert_;
  Statement find_;
  Statement list_;
  Statement erase_;
  Statement erase_named_;
  Statement touch_;
  Statement list_attached_;
};

}  // namespace cfpipe::edge
