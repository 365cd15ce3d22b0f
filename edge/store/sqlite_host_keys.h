#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "edge/store/sqlite.h"
#include "edge/store/store.h"

namespace cfpipe::edge {

/// The host keys' part of the state in SQLite; what each does is said of State.
class SqliteHostKeys {
 public:
  /// `db` outlives it; throws std::runtime_error, like Statement.
  explicit SqliteHostKeys(sqlite3* db);

  Result<std::string> find(std::string_view hostname, std::string_view origin);
  Result<void> add(std::string_view hostname, std::string_view origin, std::string_view line,
                   std::int64_t now);
  Result<std::vector<HostKeyRow>> all();
  Result<std::int64_t> forget(std::string_view hostname);

 private:
  sqlite3* db_;
  Statement find_;
  Statement add_;
  Statement all_;
  Statement forget_;
};

}  // namespace cfpipe::edge
