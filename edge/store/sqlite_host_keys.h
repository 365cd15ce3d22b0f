#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "edge/store/host_key_store.h"
#include "edge/store/sqlite.h"

namespace cfpipe::edge {

/// The HostKeyStore in SQLite.
class SqliteHostKeys final : public HostKeyStore {
 public:
  /// `db` outlives it; throws std::runtime_error, like Statement.
  explicit SqliteHostKeys(sqlite3* db);

  Result<std::optional<HostKeyRow>> find(std::string_view hostname, std::string_view origin) override;
  Result<bool> insert(const HostKeyRow& row) override;
  Result<std::vector<HostKeyRow>> list() override;
  Result<std::int64_t> erase(std::string_view hostname) override;

 private:
  sqlite3* db_;
  Statement find_;
  Statement insert_;
  Statement list_;
  Statement erase_;
};

}  // namespace cfpipe::edge
