#include "edge/store/sqlite.h"

#include <stdexcept>

namespace cfpipe::edge {
namespace {

bool executed(sqlite3* db, const char* sql) {
  return sqlite3_exec(db, sql, nullptr, nullptr, nullptr) == SQLITE_OK;
}

}  // namespace

Failure database_failure(sqlite3* db) {
  return {Stage::state, Cause::state_write_failed, "state database: " + printable(sqlite3_errmsg(db))};
}

Statement::Statement(sqlite3* db, std::string_view sql) {
  sqlite3_stmt* handle = nullptr;
  if (sqlite3_prepare_v3(db, sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT, &handle,
                         nullptr) != SQLITE_OK) {
    throw std::runtime_error(sqlite3_errmsg(db));
  }
  handle_.reset(handle);
}

Query::~Query() {
  sqlite3_reset(handle_);
  sqlite3_clear_bindings(handle_);
}

// The bound bytes outlive the query, so SQLite need not copy them.
Query& Query::bind(std::string_view text) {
  const char* bytes = text.empty() ? "" : text.data();
  ok_ = sqlite3_bind_text64(handle_, next_++, bytes, text.size(), nullptr, SQLITE_UTF8) == SQLITE_OK && ok_;
  return *this;
}

Query& Query::bind_blob(std::string_view bytes) {
  const char* start = bytes.empty() ? "" : bytes.data();
  ok_ = sqlite3_bind_blob64(handle_, next_++, start, bytes.size(), nullptr) == SQLITE_OK && ok_;
  return *this;
}

Query& Query::bind(std::int64_t number) {
  ok_ = sqlite3_bind_int64(handle_, next_++, number) == SQLITE_OK && ok_;
  return *this;
}

bool Query::step() {
  if (!ok_) return false;
  const int result = sqlite3_step(handle_);
  ok_ = result == SQLITE_ROW || result == SQLITE_DONE;
  return result == SQLITE_ROW;
}

std::string Query::text(int column) const {
  const void* bytes = sqlite3_column_blob(handle_, column);
  const int length = sqlite3_column_bytes(handle_, column);
  if (bytes == nullptr || length <= 0) return {};
  return {static_cast<const char*>(bytes), static_cast<std::size_t>(length)};
}

Durable::Durable(sqlite3* db) : db_(db) {
  executed(db_, "PRAGMA synchronous = FULL");
}

Durable::~Durable() {
  executed(db_, "PRAGMA synchronous = NORMAL");
}

Transaction::Transaction(sqlite3* db) : db_(db), open_(executed(db, "BEGIN IMMEDIATE")) {}

Transaction::~Transaction() {
  if (open_) executed(db_, "ROLLBACK");
}

bool Transaction::commit() {
  if (!open_ || !executed(db_, "COMMIT")) return false;
  open_ = false;
  return true;
}

}  // namespace cfpipe::edge
