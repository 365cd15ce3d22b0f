#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "edge/store/pending_store.h"
#include "edge/store/sqlite.h"

namespace cfpipe::edge {

/// The PendingStore in SQLite.
class SqlitePending final : public PendingStore {
 public:
  /// `db` outlives it; throws std::runtime_error, like Statement.
  explicit SqlitePending(sqlite3* db);

  Result<bool> put(std::string_view kind, std::string_view key, std::string_view value, std::int64_t expires,
                   std::int64_t now) override;
  Result<std::optional<std::string>> find(std::string_view kind, std::string_view key,
                                          std::int64_t now) override;
  Result<std::optional<std::string>> take(std::string_view kind, std::string_view key,
                                          std::int64_t now) override;
  Result<bool> use_once(std::string_view kind, std::string_view key, std::int64_t expires,
                        std::int64_t now) override;
  Result<bool> use_briefly(std::string_view kind, std::string_view key, std::int64_t expires,
                           std::int64_t now) override;

 private:
  Result<void> expire(std::int64_t now);

  sqlite3* db_;
  Statement expire_;
  Statement count_;
  Statement put_;
  Statement use_once_;
  Statement find_;
  Statement take_;
};

}  // namespace cfpipe::edge
