#include "edge/store/store.h"

#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <ctime>
#include <set>
#include <thread>

#include "base/platform/files.h"
#include "edge/edge_fixture.h"
#include "edge/identity/signed_state.h"

namespace cfpipe::edge {
namespace {

std::unique_ptr<State> open(const TempDir& dir) {
  return open_sqlite_state(dir / "state").value();
}

unsigned mode_of(const std::string& path) {
  struct stat info {};
  EXPECT_EQ(::stat(path.c_str(), &info), 0) << path;
  return info.st_mode & 0777u;
}

TEST(State, KeepsKeysAndAudiencesOverReopening) {
  const TempDir dir;
  std::string aud;
  {
    const auto state = open(dir);
    EXPECT_FALSE(state->key("notes").value());
    EXPECT_TRUE(state->add_key("notes", Secret("first")).value());
    EXPECT_FALSE(state->add_key("notes", Secret("second")).value());
    aud = state->application_aud("vm.localhost").value();
    EXPECT_EQ(aud.size(), 64u);
    EXPECT_NE(state->application_aud("b.localhost").value(), aud);
  }
  const auto state = open(dir);
  EXPECT_EQ(state->key("notes").value()->reveal(), "first");
  EXPECT_EQ(state->application_aud("vm.localhost").value(), aud);
}

TEST(State, MovesAKeyInThePlaceOfAnother) {
  const TempDir dir;
  {
    const auto state = open(dir);
    ASSERT_TRUE(state->add_key("ssh-ca/a", Secret("old")).value());
    EXPECT_FALSE(state->move_key("ssh-ca-next/a", "ssh-ca/a").value());
    EXPECT_EQ(state->key("ssh-ca/a").value()->reveal(), "old");
    ASSERT_TRUE(state->add_key("ssh-ca-next/a", Secret("new")).value());
    EXPECT_TRUE(state->move_key("ssh-ca-next/a", "ssh-ca/a").value());
  }
  const auto state = open(dir);
  EXPECT_EQ(state->key("ssh-ca/a").value()->reveal(), "new");
  EXPECT_FALSE(state->key("ssh-ca-next/a").value());
}

TEST(State, KeyNamesMatchThePrefixLiterally) {
  const TempDir dir;
  const auto state = open(dir);
  for (const char* name : {"ssh-ca/a", "ssh-ca/b", "ssh_ca/c", "token"})
    ASSERT_TRUE(state->add_key(name, Secret("x")).value());
  EXPECT_EQ(state->key_names("ssh-ca/").value(), (std::vector<std::string>{"ssh-ca/a", "ssh-ca/b"}));
}

TEST(State, FilesAreForTheirOwnerOnly) {
  const TempDir dir;
  const auto state = open(dir);
  ASSERT_TRUE(state->next_serial());
  EXPECT_EQ(mode_of(dir / "state"), 0700u);
  for (const char* name : {"edge.db", "edge.db-wal", "edge.db-shm"})
    EXPECT_EQ(mode_of((dir / "state") + "/" + name), 0600u) << name;
}

TEST(State, RefusesADirectoryOpenToOthersUnlessEmpty) {
  const TempDir dir;
  const std::string path = dir / "wide";
  ASSERT_EQ(::mkdir(path.c_str(), 0700), 0);
  ASSERT_EQ(::chmod(path.c_str(), 0755), 0);
  EXPECT_TRUE(prepare_state_dir(path));
  EXPECT_EQ(mode_of(path), 0700u);
  ASSERT_TRUE(replace_file(path + "/something", "x", 0644));
  ASSERT_EQ(::chmod(path.c_str(), 0755), 0);
  EXPECT_FALSE(prepare_state_dir(path));
  EXPECT_EQ(mode_of(path), 0755u);
}

TEST(State, RefusesADatabaseOfANewerVersion) {
  const TempDir dir;
  open(dir).reset();
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open((dir / "state/edge.db").c_str(), &db), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(db, "PRAGMA user_version = 99", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(db);
  const auto again = open_sqlite_state(dir / "state");
  ASSERT_FALSE(again);
  EXPECT_NE(again.error().detail.find("newer"), std::string::npos);
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

TEST(State, MigratesADatabaseOfTheFirstVersion) {
  const TempDir dir;
  ASSERT_TRUE(prepare_state_dir(dir / "state"));
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open((dir / "state/edge.db").c_str(), &db), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(db, kFirstVersion, nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(db);
  {
    const auto state = open(dir);
    EXPECT_EQ(state->key("notes").value()->reveal(), "key");
    EXPECT_EQ(state->next_serial().value(), 42u);
    EXPECT_TRUE(state->service_tokens().value().empty());
    EXPECT_TRUE(state->revoke_certificates("vm.localhost", {41}, 1000));
    EXPECT_EQ(state->host_key("vm.localhost", "127.0.0.1:22").value(), "");
  }
  EXPECT_EQ(version_of(dir / "state/edge.db"), 8);
  EXPECT_EQ(open(dir)->next_serial().value(), 43u);
  const TempDir fresh;
  open(fresh).reset();
  EXPECT_EQ(version_of(fresh / "state/edge.db"), 8);
}

TEST(State, KnowsTheSessionsThatAnOlderVersionRecorded) {
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
  const auto state = open(dir);
  const auto good = state->sessions({"", 0, now, 10}).value();
  ASSERT_EQ(good.size(), 1u);
  EXPECT_EQ(good.front().session, "aaaaaaaaaaaaaaaa");
  EXPECT_EQ(good.front().email, "ann@example.com");
  EXPECT_TRUE(state->session("bbbbbbbbbbbbbbbb").value()->revoked);
  EXPECT_TRUE(state->session("cccccccccccccccc").value()->revoked);
  EXPECT_FALSE(state->session("0000000000000000").value());
}

TEST(State, ListsWhatWasRevokedSince) {
  const TempDir dir;
  {
    const auto state = open(dir);
    for (const auto& [serial, time] :
         std::vector<std::pair<std::uint64_t, std::int64_t>>{{7, 50}, {3, 90}, {9, 95}})
      ASSERT_TRUE(state->revoke_certificates("vm.localhost", {serial}, time));
    ASSERT_TRUE(state->revoke_certificates("b.localhost", {8}, 90));
    ASSERT_TRUE(state->revoke_certificates("vm.localhost", {7}, 99)) << "again is no fault";
  }
  const auto listed = open(dir)->revoked_certificates("vm.localhost", 60);
  EXPECT_EQ(listed.value(), (std::vector<std::uint64_t>{3, 9}));
}

TEST(State, AMigrationThatFailsChangesNothing) {
  const TempDir dir;
  ASSERT_TRUE(prepare_state_dir(dir / "state"));
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open((dir / "state/edge.db").c_str(), &db), SQLITE_OK);
  // In the way of the second step.
  const std::string blocked = std::string(kFirstVersion) + "CREATE TABLE service_tokens (x);";
  ASSERT_EQ(sqlite3_exec(db, blocked.c_str(), nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(db);
  EXPECT_FALSE(open_sqlite_state(dir / "state"));
  EXPECT_EQ(version_of(dir / "state/edge.db"), 1);
}

TEST(State, KeepsServiceTokensByNameAndId) {
  const TempDir dir;
  ServiceTokenRow row;
  row.name = "deploy";
  row.client_id = "id.access";
  row.secret_hash = std::string("\0\xff", 2) + std::string(30, 'h');
  row.created = 100;
  row.expires = 200;
  {
    const auto state = open(dir);
    EXPECT_TRUE(state->add_service_token(row).value());
    ServiceTokenRow other = row;
    other.name = "other";
    EXPECT_FALSE(state->add_service_token(other).value()) << "the id is taken";
    other = row;
    other.client_id = "other.access";
    EXPECT_FALSE(state->add_service_token(other).value()) << "the name is taken";
    ASSERT_TRUE(state->service_token_used("id.access", 1000));
    ASSERT_TRUE(state->service_token_used("id.access", 1000 + kLastUsedSeconds));
    EXPECT_EQ(state->service_token("id.access").value()->last_used, 1000) << "not every use is written";
    ASSERT_TRUE(state->service_token_used("id.access", 1001 + kLastUsedSeconds));
  }
  const auto state = open(dir);
  const auto found = state->service_token("id.access").value();
  ASSERT_TRUE(found);
  EXPECT_EQ(found->name, "deploy");
  EXPECT_EQ(found->secret_hash, row.secret_hash);
  EXPECT_EQ(found->expires, 200);
  EXPECT_EQ(found->last_used, 1001 + kLastUsedSeconds);
  EXPECT_EQ(state->service_tokens().value().size(), 1u);
  EXPECT_FALSE(state->remove_service_token("id.access").value());
  EXPECT_TRUE(state->remove_service_token("deploy").value());
  EXPECT_FALSE(state->remove_service_token("deploy").value());
  EXPECT_FALSE(state->service_token("id.access").value());
}

TEST(State, RefusesAFileThatIsNoDatabase) {
  const TempDir dir;
  ASSERT_TRUE(prepare_state_dir(dir / "state"));
  ASSERT_TRUE(replace_file(dir / "state/edge.db", std::string(5000, 'x'), 0600));
  EXPECT_FALSE(open_sqlite_state(dir / "state"));
}

TEST(State, SerialsNeverRepeatOverReopening) {
  const TempDir dir;
  std::set<std::uint64_t> seen;
  for (int start = 0; start < 3; ++start) {
    const auto state = open(dir);
    for (int i = 0; i < 5; ++i) EXPECT_TRUE(seen.insert(state->next_serial().value()).second);
  }
}

TEST(State, SerialsAscendAndSkipLittleWhereFewAreUsed) {
  const TempDir dir;
  EXPECT_EQ(open(dir)->next_serial().value(), 1u);
  EXPECT_EQ(open(dir)->next_serial().value(), 2u) << "a command that wants one skips none";
  const auto state = open(dir);
  std::uint64_t last = 0;
  for (int i = 0; i < 2000; ++i) {
    const std::uint64_t serial = state->next_serial().value();
    EXPECT_GT(serial, last);
    last = serial;
  }
  EXPECT_EQ(last, 2002u) << "one process uses all of its blocks";
  EXPECT_LE(open(dir)->next_serial().value(), last + 1 + kMaxSerialBlock);
}

TEST(State, SerialsNeverRepeatBetweenProcessesThatShareIt) {
  const TempDir dir;
  const auto first = open(dir);
  const auto second = open(dir);
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 20; ++i) {
    EXPECT_TRUE(seen.insert(first->next_serial().value()).second);
    EXPECT_TRUE(seen.insert(second->next_serial().value()).second);
  }
}

/// Hands out serials to a pipe until it is killed in the middle of it.
TEST(State, SurvivesKillAndNeverRepeatsASerial) {
  const TempDir dir;
  open(dir).reset();
  std::set<std::uint64_t> seen;
  for (int round = 0; round < 5; ++round) {
    int pipe_ends[2];
    ASSERT_EQ(::pipe(pipe_ends), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      const auto state = open_sqlite_state(dir / "state");
      while (state) {
        const auto serial = (*state)->next_serial();
        if (!serial || ::write(pipe_ends[1], &*serial, sizeof *serial) < 0) break;
      }
      ::_exit(1);
    }
    ::close(pipe_ends[1]);
    std::uint64_t serial = 0;
    // Far enough to be killed inside of blocks of all sizes.
    for (int i = 0; i < 20 + 300 * round; ++i) {
      ASSERT_EQ(::read(pipe_ends[0], &serial, sizeof serial), static_cast<ssize_t>(sizeof serial));
      EXPECT_TRUE(seen.insert(serial).second) << serial;
    }
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    while (::read(pipe_ends[0], &serial, sizeof serial) == static_cast<ssize_t>(sizeof serial))
      EXPECT_TRUE(seen.insert(serial).second) << serial;
    ::close(pipe_ends[0]);
  }
  EXPECT_TRUE(seen.insert(open(dir)->next_serial().value()).second);
}

TEST(State, HandsOutAPendingValueOnce) {
  const TempDir dir;
  const auto state = open(dir);
  ASSERT_TRUE(state->put_pending("code", "k", "value", 200, 100).value());
  EXPECT_FALSE(state->take_pending("other", "k", 100).value());
  EXPECT_EQ(state->take_pending("code", "k", 199).value(), "value");
  EXPECT_FALSE(state->take_pending("code", "k", 199).value());
}

// Two processes serve one state while an edge restarts.
TEST(State, WhatIsUsedOnceIsSoForAllProcesses) {
  const TempDir dir;
  const auto state = open(dir);
  const auto other = open(dir);
  EXPECT_TRUE(state->use_once("sign-in", "k", 200, 100).value());
  EXPECT_FALSE(other->use_once("sign-in", "k", 200, 100).value());
  EXPECT_FALSE(state->use_once("sign-in", "k", 300, 199).value());
  EXPECT_TRUE(other->use_once("sign-in", "another", 200, 100).value());
  EXPECT_TRUE(other->use_once("another", "k", 200, 100).value());
  EXPECT_FALSE(state->take_pending("other", "k", 100).value());
  EXPECT_TRUE(other->use_once("sign-in", "k", 300, 200).value()) << "what it was for has expired as well";
}

TEST(State, ForgetsAPendingValueWhenItExpires) {
  const TempDir dir;
  const auto state = open(dir);
  ASSERT_TRUE(state->put_pending("code", "k", "value", 200, 100).value());
  EXPECT_FALSE(state->take_pending("code", "k", 200).value());
}

TEST(State, BoundsPendingValues) {
  const TempDir dir;
  const auto state = open(dir);
  EXPECT_FALSE(state->put_pending("code", "big", std::string(kMaxPendingBytes + 1, 'x'), 200, 100).value());
  for (std::int64_t i = 0; i < kMaxPending; ++i)
    ASSERT_TRUE(state->put_pending("code", std::to_string(i), "v", 200, 100).value());
  EXPECT_FALSE(state->put_pending("code", "one more", "v", 300, 100).value());
  EXPECT_TRUE(state->put_pending("transfer", "another kind", "v", 300, 100).value());
  EXPECT_TRUE(state->put_pending("code", "once they expired", "v", 300, 200).value());
}

TEST(State, KeepsAuditRowsInOrder) {
  const TempDir dir;
  std::int64_t first = 0;
  {
    const auto state = open(dir);
    AuditRow row;
    row.time = 2'000'000'000;
    row.kind = "tunnel_close";
    row.identity = "ann@example.com";
    row.up_bytes = 5'000'000'000;
    row.down_bytes = 7;
    row.serial = 42;
    row.reason = "it's \"over\"";
    first = state->append_audit(row).value();
    row.time = 2'000'000'001;
    EXPECT_GT(state->append_audit(row).value(), first);
  }
  std::vector<AuditRow> rows;
  const auto state = open(dir);
  ASSERT_TRUE(state->read_audit(0, [&](const AuditRow& row) {
    rows.push_back(row);
    return true;
  }));
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].id, first);
  EXPECT_EQ(rows[0].up_bytes, 5'000'000'000u);
  EXPECT_EQ(rows[0].serial, 42u);
  EXPECT_EQ(rows[0].reason, "it's \"over\"");
  rows.clear();
  ASSERT_TRUE(state->read_audit(0, [&](const AuditRow& row) {
    rows.push_back(row);
    return false;
  }));
  EXPECT_EQ(rows.size(), 1u) << "no more is wanted";
  rows.clear();
  ASSERT_TRUE(state->read_audit(2'000'000'001, [&](const AuditRow& row) {
    rows.push_back(row);
    return true;
  }));
  EXPECT_EQ(rows.size(), 1u);
}

TEST(SignedState, ReadOnlyWhatTheyWroteOfThatKindAndInTime) {
  const TempDir dir;
  const auto state = open(dir);
  const auto signed_state = SignedState::open(*state);
  const std::string note = signed_state->write("login", {{"aud", "a"}}, 200);
  ASSERT_TRUE(signed_state->read("login", note, 199));
  EXPECT_EQ(text_of(*signed_state->read("login", note, 199), "aud"), "a");
  EXPECT_FALSE(signed_state->read("login", note, 200));
  EXPECT_FALSE(signed_state->read("form", note, 100));
  for (std::size_t i = 0; i < note.size(); ++i) {
    std::string broken = note;
    broken[i] = broken[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(signed_state->read("login", broken, 100)) << i;
    EXPECT_FALSE(signed_state->read("login", note.substr(0, i), 100)) << i;
  }
  EXPECT_TRUE(SignedState::open(*state)->read("login", note, 100));
  const TempDir other;
  const auto other_state = open(other);
  EXPECT_FALSE(SignedState::open(*other_state)->read("login", note, 100));
}

}  // namespace
}  // namespace cfpipe::edge
