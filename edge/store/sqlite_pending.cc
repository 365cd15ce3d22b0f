#include "edge/store/sqlite_pending.h"

namespace cfpipe::edge {

SqlitePending::SqlitePending(sqlite3* db)
    : db_(db),
      expire_(db, "DELETE FROM pending WHERE expires <= ?"),
      count_(db, "SELECT count(*) FROM pending WHERE kind = ?"),
      put_(db, "INSERT OR REPLACE INTO pending (kind, key, value, expires) VALUES (?, ?, ?, ?)"),
      use_once_(db,
                "INSERT INTO pending (kind, key, value, expires) VALUES (?, ?, x'', ?) "
                "ON CONFLICT DO NOTHING"),
      find_(db, "SELECT value FROM pending WHERE kind = ? AND key = ? AND expires > ?"),
      take_(db, "DELETE FROM pending WHERE kind = ? AND key = ? RETURNING value, expires") {}

Result<void> SqlitePending::expire(std::int64_t now) {
  Query query(expire_);
  query.bind(now).step();
  if (!query.ok()) return database_failure(db_);
  return {};
}

Result<bool> SqlitePending::put(std::string_view kind, std::string_view key, std::string_view value,
                                std::int64_t expires, std::int64_t now) {
  if (value.size() > kMaxPendingBytes) return false;
  if (const auto expired = expire(now); !expired) return expired.error();
  {
    Query count(count_);
    count.bind(kind);
    if (!count.step()) return database_failure(db_);
    if (count.number(0) >= kMaxPending) return false;
  }
  Query query(put_);
  query.bind(kind).bind(key).bind_blob(value).bind(expires).step();
  if (!query.ok()) return database_failure(db_);
  return true;
}

Result<bool> SqlitePending::use_once(std::string_view kind, std::string_view key, std::int64_t expires,
                                     std::int64_t now) {
  const Durable durable(db_);
  return use_briefly(kind, key, expires, now);
}

Result<bool> SqlitePending::use_briefly(std::string_view kind, std::string_view key, std::int64_t expires,
                                        std::int64_t now) {
  if (const auto expired = expire(now); !expired) return expired.error();
  Query query(use_once_);
  query.bind(kind).bind(key).bind(expires).step();
  if (!query.ok()) return database_failure(db_);
  return sqlite3_changes(db_) == 1;
}

Result<std::optional<std::string>> SqlitePending::find(std::string_view kind, std::string_view key,
                                                       std::int64_t now) {
  Query query(find_);
  query.bind(kind).bind(key).bind(now);
  std::optional<std::string> value;
  if (query.step()) value = query.text(0);
  if (!query.ok()) return database_failure(db_);
  return value;
}

Result<std::optional<std::string>> SqlitePending::take(std::string_view kind, std::string_view key,
                                                       std::int64_t now) {
  // Durable: a code whose removal is lost in a crash could be used again.
  const Durable durable(db_);
  Query query(take_);
  query.bind(kind).bind(key);
  std::optional<std::string> value;
  while (query.step())
    if (query.number(1) > now) value = query.text(0);
  if (!query.ok()) return database_failure(db_);
  return value;
}

}  // namespace cfpipe::edge
