#include "edge/store/sqlite_serials.h"

#include <algorithm>

namespace cfpipe::edge {

SqliteSerials::SqliteSerials(sqlite3* db)
    : db_(db),
      reserve_(db,
               "INSERT INTO counters (name, value) VALUES ('serial', ?1) "
               "ON CONFLICT (name) DO UPDATE SET value = value + ?1 RETURNING value") {}

Result<std::uint64_t> SqliteSerials::next() {
  if (next_ <= last_) return next_++;
  const Durable durable(db_);
  Query query(reserve_);
  query.bind(static_cast<std::int64_t>(block_));
  if (!query.step()) return database_failure(db_);
  const auto last = static_cast<std::uint64_t>(query.number(0));
  // RETURNING hands out the row before the statement has committed: only its end makes the numbers ours.
  while (query.step()) {
  }
  if (!query.ok()) return database_failure(db_);
  next_ = last - block_ + 1;
  last_ = last;
  block_ = std::min(block_ * 2, kMaxSerialBlock);
  return next_++;
}

}  // namespace cfpipe::edge
