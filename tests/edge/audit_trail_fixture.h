#pragma once

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <memory>
#include <string>
#include <vector>

#include "edge/edge_fixture.h"
#include "edge/monitoring/audit_trail.h"

namespace cfpipe::edge {

inline constexpr std::int64_t kNow = 2'000'000'000;

/// A trail with a database, which can be made to take no rows, and a spool.
class AuditTrailTest : public ::testing::Test {
 protected:
  void SetUp() override { start(); }
  void TearDown() override { sqlite3_close(db_); }

  /// As a process does it; the one before was killed.
  void start() {
    trail_.reset();
    store_ = open_sqlite_store(dir_ / "state").value();
    if (db_ == nullptr) {
      ASSERT_EQ(sqlite3_open((dir_ / "state/edge.db").c_str(), &db_), SQLITE_OK);
    }
    trail_ = std::make_unique<AuditTrail>(io_.get_executor(), store_->audit());
    const auto used = trail_->use_spool(dir_ / "spool");
    ASSERT_TRUE(used) << used.error().detail;
  }
  void sql(const char* text) {
    ASSERT_EQ(sqlite3_exec(db_, text, nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(db_);
  }
  /// Another number once another connection has committed.
  std::int64_t data_version() {
    std::int64_t version = -1;
    const auto keep = [](void* out, int, char** columns, char**) {
      *static_cast<std::int64_t*>(out) = std::stoll(columns[0]);
      return 0;
    };
    EXPECT_EQ(sqlite3_exec(db_, "PRAGMA data_version", keep, &version, nullptr), SQLITE_OK);
    return version;
  }
  /// The database takes no rows of the audit, as on a disk that is full.
  void fill_disk() {
    sql("CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(FAIL, 'database or disk is full'); "
        "END");
  }
  void make_room() { sql("DROP TRIGGER full"); }

  static AuditRow row(const std::string& kind, const std::string& who, std::int64_t tunnel = 0) {
    AuditRow out;
    out.time = kNow;
    out.kind = kind;
    out.identity = who;
    out.tunnel = tunnel;
    return out;
  }
  AuditTrail::Appended add(const std::string& who) { return trail_->append(row("denial", who)); }
  std::vector<AuditRow> rows() {
    std::vector<AuditRow> out;
    EXPECT_TRUE(store_->audit().read(0, [&out](const AuditRow& one) {
      out.push_back(one);
      return true;
    }));
    return out;
  }
  std::string people() {
    std::string out;
    for (const AuditRow& one : rows()) out += (one.kind == "audit_gap" ? one.kind : one.identity) + " ";
    return out;
  }
  /// What each of so many concurrent requests learned.
  std::vector<bool> on_disk(int count) {
    std::vector<bool> kept;
    for (int i = 0; i < count; ++i)
      boost::asio::co_spawn(io_, trail_->append_on_disk(row("certificate", std::to_string(i))),
                            [&kept](const std::exception_ptr& error, bool one) {
                              EXPECT_FALSE(error);
                              kept.push_back(one);
                            });
    io_.restart();
    io_.run();
    return kept;
  }

  TempDir dir_;
  boost::asio::io_context io_{1};
  sqlite3* db_ = nullptr;
  std::unique_ptr<Store> store_;
  std::unique_ptr<AuditTrail> trail_;
};

}  // namespace cfpipe::edge
