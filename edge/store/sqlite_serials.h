#pragma once

#include <cstdint>

#include "edge/store/serial_store.h"
#include "edge/store/sqlite.h"

namespace cfpipe::edge {

/// The SerialStore in SQLite.
class SqliteSerials final : public SerialStore {
 public:
  /// `db` outlives it; throws std::runtime_error, like Statement.
  explicit SqliteSerials(sqlite3* db);

  Result<std::uint64_t> next() override;

 private:
  sqlite3* db_;
  Statement reserve_;
  std::uint64_t next_ = 1;   ///< of the block that is reserved
  std::uint64_t last_ = 0;   ///< the block's last; below the next: it is used up
  std::uint64_t block_ = 1;  ///< how many to reserve: doubled each time, for commands want one alone
};

}  // namespace cfpipe::edge
