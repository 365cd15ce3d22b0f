#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"

namespace cfpipe::edge {

/// What SQLite says of the last call that failed (Stage::state).
Failure database_failure(sqlite3* db);

/// A prepared statement, used again and again through Query.
class Statement {
 public:
  Statement(sqlite3* db, std::string_view sql);  ///< throws std::runtime_error: while opening only
  sqlite3_stmt* get() const { return handle_.get(); }

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* handle) const noexcept { sqlite3_finalize(handle); }
  };
  std::unique_ptr<sqlite3_stmt, Finalize> handle_;
};

/// One run of a statement: bind in order, step, read columns; resets it at the end.
class Query {
 public:
  explicit Query(const Statement& statement) : handle_(statement.get()) {}
  ~Query();
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;

  Query& bind(std::string_view text);
  Query& bind(std::int64_t number);
  Query& bind_blob(std::string_view bytes);
  bool step();                     ///< true: there is a row
  bool ok() const { return ok_; }  ///< false once anything has failed
  std::string text(int column) const;
  std::int64_t number(int column) const { return sqlite3_column_int64(handle_, column); }

 private:
  sqlite3_stmt* handle_;
  int next_ = 1;
  bool ok_ = true;
};

/// Commits inside its life are on disk when they return; others may be lost with the power, in order.
class Durable {
 public:
  explicit Durable(sqlite3* db);
  ~Durable();
  Durable(const Durable&) = delete;
  Durable& operator=(const Durable&) = delete;

 private:
  sqlite3* db_;
};

/// All of what is written inside its life or, without commit(), none.
class Transaction {
 public:
  explicit Transaction(sqlite3* db);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  /// False: it could not be begun; what is written is not part of it.
  explicit operator bool() const { return open_; }
  [[nodiscard]] bool commit();

 private:
  sqlite3* db_;
  bool open_;
};

}  // namespace cfpipe::edge
