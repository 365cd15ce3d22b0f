// Work of the state stays the same however long the audit is.
#include <sqlite3.h>

#include <algorithm>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "edge/edge_fixture.h"
#include "edge/store/store.h"

namespace cfpipe::edge {
namespace {

sqlite3* opened = nullptr;

int remember(sqlite3* db, char**, const struct sqlite3_api_routines*) {
  opened = db;
  return SQLITE_OK;
}

/// A state whose connection to the database is known.
class StateBounds : public ::testing::Test {
 protected:
  StateBounds() {
    // The signature that SQLite documents for what it calls with three arguments.
    auto* const hook = reinterpret_cast<void (*)()>(&remember);
    sqlite3_auto_extension(hook);
    state_ = open_sqlite_state(dir_ / "state").value();
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
  std::int64_t add(std::int64_t time, const std::string& kind, const std::string& identity,
                   const std::string& application = "vm.localhost") {
    AuditRow row;
    row.time = time;
    row.kind = kind;
    row.identity = identity;
    row.application = application;
    return state_->append_audit(row).value();
  }
  std::vector<std::string> kinds() {
    std::vector<std::string> out;
    EXPECT_TRUE(state_->read_audit(0, [&out](const AuditRow& row) {
      out.push_back(row.kind);
      return true;
    }));
    return out;
  }

  TempDir dir_;
  std::unique_ptr<State> state_;
};

TEST_F(StateBounds, EveryQueryHasAnIndex) {
  // What is listed whole, which administrators alone fill.
  const std::set<std::string> listed{"SCAN service_tokens", "SCAN host_keys"};
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

TEST_F(StateBounds, SearchLooksAtSoManyRowsAndSaysWhereToGoOn) {
  const std::int64_t wanted = add(1000, "login", "ann@example.com");
  ASSERT_TRUE(sqlite3_exec(opened,
                           "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 25000) "
                           "INSERT INTO audit (time, kind, identity, application, peer, ray, serial, key_id, "
                           "tunnel, up_bytes, down_bytes, reason) SELECT 1000, 'denial', 'ann@example.com', "
                           "'vm.localhost', '', '', 0, '', 0, 0, 0, '' FROM n",
                           nullptr, nullptr, nullptr) == SQLITE_OK);
  AuditQuery query;
  query.identity = "Ann@example.com";
  query.kind = "login";
  int parts = 0;
  std::vector<AuditRow> found;
  do {
    const AuditPage page = state_->search_audit(query).value();
    found.insert(found.end(), page.rows.begin(), page.rows.end());
    query.before = page.next;
    ++parts;
  } while (query.before != 0 && parts < 10);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found.front().id, wanted);
  EXPECT_EQ(parts, 3);
}

TEST_F(StateBounds, SearchEndsBehindTheTimeThatIsAskedFor) {
  add(1000, "login", "ann@example.com");
  for (int i = 0; i < 3; ++i) add(100'000, "login", "bob@example.com");
  AuditQuery query;
  query.since = 90'000;
  const AuditPage page = state_->search_audit(query).value();
  EXPECT_EQ(page.rows.size(), 3u);
  EXPECT_EQ(page.next, 0);
}

TEST_F(StateBounds, SearchTakesTheFiltersTogether) {
  add(1000, "login", "ann@example.com");
  add(1000, "denial", "ann@example.com", "b.localhost");
  add(1000, "denial", "bob@example.com");
  const std::int64_t wanted = add(1000, "denial", "ann@example.com");
  for (const auto& [identity, application, kind, count] :
       {std::tuple("ann@example.com", "", "", 3u), std::tuple("", "vm.localhost", "", 3u),
        std::tuple("", "", "denial", 3u), std::tuple("ann@example.com", "vm.localhost", "denial", 1u),
        std::tuple("", "vm.localhost", "denial", 2u), std::tuple("", "", "", 4u)}) {
    AuditQuery query;
    query.identity = identity;
    query.application = application;
    query.kind = kind;
    const AuditPage page = state_->search_audit(query).value();
    EXPECT_EQ(page.rows.size(), count) << identity << application << kind;
    if (count == 1) {
      EXPECT_EQ(page.rows.front().id, wanted);
    }
  }
}

TEST_F(StateBounds, PrunesAFewRowsAtATimeUntilNoneIsTooOld) {
  constexpr std::int64_t kNow = 2'000'000'000;
  for (int i = 0; i < 5; ++i) add(kNow - kAuditSeconds - 1, "old", "");
  add(kNow - kAuditSeconds, "kept", "");
  EXPECT_EQ(state_->prune(kNow, 3).value(), 3);
  EXPECT_EQ(kinds(), (std::vector<std::string>{"old", "old", "kept"}));
  EXPECT_EQ(state_->prune(kNow, 3).value(), 2);
  EXPECT_EQ(state_->prune(kNow, 3).value(), 0);
  EXPECT_EQ(kinds(), (std::vector<std::string>{"kept"}));
}

TEST_F(StateBounds, PrunesSessionsAndRevocationsThatCannotCountAnyMore) {
  constexpr std::int64_t kNow = 2'000'000'000;
  AuditRow login;
  login.kind = "login";
  login.identity = "ann@example.com";
  for (const auto& [name, expires] :
       {std::pair("old", kNow - kMaxSession.count()), std::pair("new", kNow - kMaxSession.count() + 1)}) {
    login.time = expires - 100;
    login.session = name;
    login.session_expires = expires;
    ASSERT_TRUE(state_->append_audit(login));
  }
  ASSERT_TRUE(state_->revoke_session("gone", kNow));
  ASSERT_TRUE(state_->revoke_session("void", kNow + 1));
  ASSERT_TRUE(state_->revoke_certificates("vm.localhost", {7}, kNow - kMaxCertificateTtl.count() - 1));
  ASSERT_TRUE(state_->revoke_certificates("vm.localhost", {8}, kNow - kMaxCertificateTtl.count()));
  EXPECT_EQ(state_->prune(kNow, 10).value(), 3);
  EXPECT_FALSE(state_->session("old").value());
  EXPECT_TRUE(state_->session("new").value());
  EXPECT_FALSE(state_->session_revoked("gone").value());
  EXPECT_TRUE(state_->session_revoked("void").value());
  EXPECT_EQ(state_->revoked_certificates("vm.localhost", 0).value(), std::vector<std::uint64_t>{8});
}

TEST_F(StateBounds, FindsTheCertificatesOfAPersonWhateverElseTheyDid) {
  AuditRow row;
  row.kind = "certificate";
  row.application = "vm.localhost";
  for (const auto& [serial, identity, time] :
       {std::tuple(5u, "ann@example.com", 200), std::tuple(3u, "Ann@Example.com", 150),
        std::tuple(4u, "ann@example.com", 99), std::tuple(6u, "bob@example.com", 200)}) {
    row.serial = serial;
    row.identity = identity;
    row.time = time;
    ASSERT_TRUE(state_->append_audit(row));
  }
  add(200, "tunnel_open", "ann@example.com");
  EXPECT_EQ(state_->certificate_serials("vm.localhost", "ann@example.com", 100).value(),
            (std::vector<std::uint64_t>{3, 5}));
}

class Sessions : public StateBounds {
 protected:
  void begin(const std::string& name, const std::string& email, std::int64_t time) {
    AuditRow row;
    row.time = time;
    row.kind = "login";
    row.identity = email;
    row.peer = "192.0.2.1";
    row.application = "vm.localhost";
    row.session = name;
    row.session_expires = time + 1000;
    ASSERT_TRUE(state_->append_audit(row));
  }
  std::string listed(const std::string& email, std::int64_t now = 500, std::int64_t since = 0) {
    std::string out;
    const auto rows = state_->sessions({email, since, now, 10});
    for (const SessionRow& row : rows.value()) out += row.session + " ";
    return out;
  }
};

TEST_F(Sessions, AreListedNewestFirstWhileTheyAreGood) {
  begin("a1", "ann@example.com", 100);
  begin("b1", "bob@example.com", 200);
  begin("a2", "Ann@example.com", 300);
  EXPECT_EQ(listed("ANN@example.com"), "a2 a1 ");
  EXPECT_EQ(listed(""), "a2 b1 a1 ");
  EXPECT_EQ(listed("", 500, 200), "a2 b1 ");
  EXPECT_EQ(listed("", 1100), "a2 b1 ") << "the first has expired";
  EXPECT_EQ(state_->sessions({"", 0, 500, 2}).value().size(), 2u);
  const SessionRow row = *state_->session("a1").value();
  EXPECT_EQ(row.email, "ann@example.com");
  EXPECT_EQ(row.application, "vm.localhost");
  EXPECT_EQ(row.peer, "192.0.2.1");
  EXPECT_EQ(row.begun, 100);
  EXPECT_EQ(row.expires, 1100);
  EXPECT_FALSE(row.revoked);
}

TEST_F(Sessions, AreNotListedOnceTheyAreRevoked) {
  begin("a1", "ann@example.com", 100);
  begin("a2", "ann@example.com", 200);
  begin("a3", "ann@example.com", 201);
  ASSERT_TRUE(state_->revoke_session("a3", 5000));
  EXPECT_EQ(listed(""), "a2 a1 ");
  EXPECT_TRUE(state_->session("a3").value()->revoked);
  ASSERT_TRUE(state_->revoke_person("Ann@example.com", 200));
  EXPECT_EQ(listed(""), "");
  begin("same second", "ann@example.com", 200);
  begin("later", "ann@example.com", 202);
  EXPECT_EQ(listed(""), "later ");
}

}  // namespace
}  // namespace cfpipe::edge
