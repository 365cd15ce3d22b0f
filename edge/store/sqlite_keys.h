#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "edge/store/key_store.h"
#include "edge/store/sqlite.h"

namespace cfpipe::edge {

/// The KeyStore in SQLite.
class SqliteKeys final : public KeyStore {
 public:
  /// `db` outlives it; throws std::runtime_error, like Statement.
  explicit SqliteKeys(sqlite3* db);

  Result<std::optional<Secret>> find(std::string_view name) override;
  Result<bool> insert(std::string_view name, const Secret& value) override;
  Result<bool> move(std::string_view from, std::string_view to) override;
  Result<bool> erase(std::string_view name) override;
  Result<std::vector<std::string>> list(std::string_view prefix) override;
  Result<std::string> audience(std::string_view hostname) override;

 private:
  sqlite3* db_;
  Statement find_;
  Statement insert_;
  Statement move_;
  Statement erase_;
  Statement list_;
  Statement find_audience_;
  Statement insert_audience_;
};

}  // namespace cfpipe::edge
