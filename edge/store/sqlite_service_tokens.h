#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "edge/store/service_token_store.h"
#include "edge/store/sqlite.h"

namespace cfpipe::edge {

/// The ServiceTokenStore in SQLite.
class SqliteServiceTokens final : public ServiceTokenStore {
 public:
  /// `db` outlives it; throws std::runtime_error, like Statement.
  explicit SqliteServiceTokens(sqlite3* db);

  Result<bool> insert(const ServiceTokenRow& row) override;
  Result<std::optional<ServiceTokenRow>> find(std::string_view client_id) override;
  Result<std::vector<ServiceTokenRow>> list() override;
  Result<bool> erase(std::string_view name) override;
  Result<void> touch(std::string_view client_id, std::int64_t now) override;

 private:
  sqlite3* db_;
  Statement insert_;
  Statement find_;
  Statement list_;
  Statement erase_;
  Statement touch_;
};

}  // namespace cfpipe::edge
