#include "edge/store/conformance.h"

#include <sqlite3.h>

#include "edge/store/sqlite_store.h"
#include "support/temp_dir.h"

namespace cfpipe::edge {
namespace {

class SqliteUnderTest final : public StoreUnderTest {
 public:
  std::unique_ptr<Store> open() override { return open_sqlite_store(dir_ / "state").value(); }
  void damage() override {
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open((dir_ / "state/edge.db").c_str(), &db), SQLITE_OK);
    for (const char* table : {"keys", "applications", "counters", "pending", "audit", "service_tokens",
                              "revoked_certificates", "revoked_people", "revoked_sessions", "host_keys",
                              "sessions", "tunnels", "edges", "connectors", "attachments"}) {
      const std::string drop = std::string("DROP TABLE ") + table;
      EXPECT_EQ(sqlite3_exec(db, drop.c_str(), nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(db);
    }
    sqlite3_close(db);
  }

 private:
  TempDir dir_;
};

std::unique_ptr<StoreUnderTest> make_sqlite() {
  return std::make_unique<SqliteUnderTest>();
}

}  // namespace

std::vector<StoreKind> store_kinds() {
  return {{"Sqlite", &make_sqlite}};
}

}  // namespace cfpipe::edge
