// The schema of the store in SQLite: its steps from version to version, and its indexes.
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <algorithm>
#include <ctime>
#include <set>
#include <string>
#include <vector>

#include "base/platform/files.h"
#include "edge/store/sqlite_store.h"
#include "support/temp_dir.h"

namespace cfpipe::edge {
namespace {

std::unique_ptr<Store> open_migrated(const TempDir& dir) {
  return open_sqlite_store(dir / "state").value();
}

/// The schema as the first version wrote it, with something in it.
constexpr const char* kFirstVersion = R"sql(
CREATE TABLE keys (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE applications (hostname TEXT PRIMARY KEY, aud TEXT NOT NULL UNIQUE) WITHOUT ROWID;
CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE pending (kind TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, expires INTEGER NOT NULL,
                      PRIMARY KEY (kind, key)) WITHOUT ROWID;
CREATE INDEX pending_expires ON pending (expires);
CREATE TABLE audit (id INTEGER PRIMARY KEY AUTOINCREMENT, time INTEGER NOT NULL, kind TEXT NOT NULL,
                    identity TEXT NOT NULL, application TEXT NOT NULL, peer TEXT NOT NULL, ray TEXT NOT NULL,
                    serial INTEGER NOT NULL, key_id TEXT NOT NULL, tunnel INTEGER NOT NULL,
                    up_bytes INTEGER NOT NULL, down_bytes INTEGER NOT NULL, reason TEXT NOT NULL);
CREATE INDEX audit_time ON audit (time);
PRAGMA user_version = 1;
INSERT INTO keys VALUES ('notes', x'6b6579');
INSERT INTO counters VALUES ('serial', 41);
)sql";

int version_of(const std::string& path) {
  sqlite3* db = nullptr;
  EXPECT_EQ(sqlite3_open(path.c_str(), &db), SQLITE_OK);
  int version = -1;
  const auto keep = [](void* out, int, char** columns, char**) {
    *static_cast<int*>(out) = std::atoi(columns[0]);
    return 0;
  };
  EXPECT_EQ(sqlite3_exec(db, "PRAGMA user_version", keep, &version, nullptr), SQLITE_OK);
  sqlite3_close(db);
  return version;
}

TEST(SqliteSchema, RefusesADatabaseOfANewerVersion) {
  const TempDir dir;
  open_migrated(dir).reset();
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open((dir / "state/edge.db").c_str(), &db), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(db, "PRAGMA user_version = 99", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(db);
  const auto again = open_sqlite_store(dir / "state");
  ASSERT_FALSE(again);
  EXPECT_NE(again.error().detail.find("newer"), std::string::npos);
}

TEST(SqliteSchema, MigratesADatabaseOfTheFirstVersion) {
  const TempDir dir;
  ASSERT_TRUE(prepare_state_dir(dir / "state"));
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open((dir / "state/edge.db").c_str(), &db), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(db, kFirstVersion, nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(db);
  {
    const auto store = open_migrated(dir);
    EXPECT_EQ(store->keys().find("notes").value()->reveal(), "key");
    EXPECT_EQ(store->serials().next().value(), 42u);
    EXPECT_TRUE(store->service_tokens().list().value().empty());
    EXPECT_TRUE(store->revocations().revoke_certificates("vm.localhost", {41}, 1000));
    EXPECT_FALSE(store->host_keys().find("vm.localhost", "127.0.0.1:22").value());
  }
  EXPECT_EQ(version_of(dir / "state/edge.db"), 12);
  EXPECT_EQ(open_migrated(dir)->serials().next().value(), 43u);
  const TempDir fresh;
  open_migrated(fresh).reset();
  EXPECT_EQ(version_of(fresh / "state/edge.db"), 12);
}

TEST(SqliteSchema, KnowsTheSessionsThatAnOlderVersionRecorded) {
  const TempDir dir;
  ASSERT_TRUE(prepare_state_dir(dir / "state"));
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open((dir / "state/edge.db").c_str(), &db), SQLITE_OK);
  const std::int64_t now = std::time(nullptr);
  const auto login = [](std::int64_t time, const std::string& who, const std::string& reason) {
    return "INSERT INTO audit (time, kind, identity, application, peer, ray, serial, key_id, tunnel, "
           "up_bytes, "
           "down_bytes, reason) VALUES (" +
           std::to_string(time) + ", 'login', '" + who + "', 'vm.localhost', '', '', 0, '', 0, 0, 0, '" +
           reason + "');";
  };
  const std::string rows =
      std::string(kFirstVersion) + login(now - 61 * 86400, "ann@example.com", "session 0000000000000000") +
      login(now - 60, "ann@example.com", "session aaaaaaaaaaaaaaaa") +
      login(now - 60, "ann@example.com", "session bbbbbbbbbbbbbbbb") +
      login(now - 60, "bob@example.com", "session cccccccccccccccc") +
      login(now - 60, "deploy", "service token") +
      "CREATE TABLE service_tokens (name TEXT PRIMARY KEY, client_id TEXT NOT NULL UNIQUE, "
      "secret_hash BLOB NOT NULL, created INTEGER NOT NULL, expires INTEGER NOT NULL, "
      "last_used INTEGER NOT NULL) WITHOUT ROWID;"
      "CREATE TABLE revoked_certificates (hostname TEXT NOT NULL, serial INTEGER NOT NULL, "
      "time INTEGER NOT NULL, PRIMARY KEY (hostname, serial)) WITHOUT ROWID;"
      "CREATE TABLE revoked_people (email TEXT PRIMARY KEY, until INTEGER NOT NULL) "
      "WITHOUT ROWID;"
      "CREATE TABLE revoked_sessions (session TEXT PRIMARY KEY, until INTEGER NOT NULL) "
      "WITHOUT ROWID;"
      "INSERT INTO revoked_people VALUES ('bob@example.com', " +
      std::to_string(now) +
      ");"
      "INSERT INTO revoked_sessions VALUES ('bbbbbbbbbbbbbbbb', " +
      std::to_string(now + 1000) + "); PRAGMA user_version = 5;";
  ASSERT_EQ(sqlite3_exec(db, rows.c_str(), nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(db);
  sqlite3_close(db);
  const auto store = open_migrated(dir);
  const auto good = store->revocations().list_sessions({"", 0, now, 10}).value();
  ASSERT_EQ(good.size(), 1u);
  EXPECT_EQ(good.front().session, "aaaaaaaaaaaaaaaa");
  EXPECT_EQ(good.front().email, "ann@example.com");
  EXPECT_TRUE(store->revocations().find_session("bbbbbbbbbbbbbbbb").value()->revoked);
  EXPECT_TRUE(store->revocations().find_session("cccccccccccccccc").value()->revoked);
  EXPECT_FALSE(store->revocations().find_session("0000000000000000").value());
}

TEST(SqliteSchema, AMigrationThatFailsChangesNothing) {
  const TempDir dir;
  ASSERT_TRUE(prepare_state_dir(dir / "state"));
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open((dir / "state/edge.db").c_str(), &db), SQLITE_OK);
  // In the way of the second step.
  const std::string blocked = std::string(kFirstVersion) + "CREATE TABLE service_tokens (x);";
  ASSERT_EQ(sqlite3_exec(db, blocked.c_str(), nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(db);
  EXPECT_FALSE(open_sqlite_store(dir / "state"));
  EXPECT_EQ(version_of(dir / "state/edge.db"), 1);
}

sqlite3* opened = nullptr;

int remember(sqlite3* db, char**, const struct sqlite3_api_routines*) {
  opened = db;
  return SQLITE_OK;
}

/// A store whose connection to the database is known.
class SqliteQueries : public ::testing::Test {
 protected:
  SqliteQueries() {
    // The signature that SQLite documents for what it calls with three arguments.
    auto* const hook = reinterpret_cast<void (*)()>(&remember);
    sqlite3_auto_extension(hook);
    store_ = open_sqlite_store(dir_ / "state").value();
    sqlite3_cancel_auto_extension(hook);
  }
  std::vector<std::string> plan_of(const std::string& sql) {
    std::vector<std::string> out;
    sqlite3_stmt* statement = nullptr;
    EXPECT_EQ(sqlite3_prepare_v2(opened, ("EXPLAIN QUERY PLAN " + sql).c_str(), -1, &statement, nullptr),
              SQLITE_OK)
        << sql;
    while (sqlite3_step(statement) == SQLITE_ROW)
      out.emplace_back(static_cast<const char*>(static_cast<const void*>(sqlite3_column_text(statement, 3))));
    sqlite3_finalize(statement);
    return out;
  }

  TempDir dir_;
  std::unique_ptr<Store> store_;
};

TEST_F(SqliteQueries, EveryQueryHasAnIndex) {
  // What is listed whole, which administrators alone fill.
  const std::set<std::string> listed{"SCAN service_tokens", "SCAN host_keys", "SCAN connectors"};
  int statements = 0;
  for (sqlite3_stmt* one = sqlite3_next_stmt(opened, nullptr); one != nullptr;
       one = sqlite3_next_stmt(opened, one)) {
    const std::string sql = sqlite3_sql(one);
    if (sql.starts_with("PRAGMA")) continue;
    ++statements;
    for (const std::string& step : plan_of(sql)) {
      const bool whole = std::any_of(listed.begin(), listed.end(),
                                     [&step](const std::string& fine) { return step.starts_with(fine); });
      EXPECT_TRUE(whole || !step.starts_with("SCAN ") || step == "SCAN CONSTANT ROW") << sql << "\n" << step;
      EXPECT_EQ(step.find("TEMP B-TREE"), std::string::npos) << sql << "\n" << step;
    }
  }
  EXPECT_GT(statements, 30);
}

}  // namespace
}  // namespace cfpipe::edge
