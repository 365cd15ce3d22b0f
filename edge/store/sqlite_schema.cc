#include "edge/store/sqlite_schema.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <stdexcept>
#include <thread>

#include "base/platform/files.h"
#include "edge/store/sqlite.h"

namespace cfpipe::edge {
namespace {

/// How long to wait for another connection that writes (this edge's own, or `ca generate` beside it), and
/// how often to look. SQLite's own waits grow to 100 ms, and the loop that waits serves all.
constexpr std::chrono::microseconds kBusyTimeout{5'000'000};
constexpr std::chrono::microseconds kBusyLook{200};

/// The steps from each version to the next, from an empty file on. What has been released is never edited: a
/// change is a further step. The version is kept in SQLite's user_version. While an edge restarts, the
/// program of the version before uses the database as well: a step leaves what that one needs.
constexpr std::array<const char*, 12> kSteps{
    R"sql(
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
)sql",
    R"sql(
CREATE TABLE service_tokens (name TEXT PRIMARY KEY, client_id TEXT NOT NULL UNIQUE, secret_hash BLOB NOT NULL,
                             created INTEGER NOT NULL, expires INTEGER NOT NULL, last_used INTEGER NOT NULL)
                            WITHOUT ROWID;
)sql",
    R"sql(
CREATE TABLE revoked_certificates (hostname TEXT NOT NULL, serial INTEGER NOT NULL, time INTEGER NOT NULL,
                                   PRIMARY KEY (hostname, serial)) WITHOUT ROWID;
)sql",
    R"sql(
CREATE TABLE revoked_people (email TEXT PRIMARY KEY, until INTEGER NOT NULL) WITHOUT ROWID;
)sql",
    R"sql(
CREATE TABLE revoked_sessions (session TEXT PRIMARY KEY, until INTEGER NOT NULL) WITHOUT ROWID;
)sql",
    R"sql(
CREATE TABLE host_keys (hostname TEXT NOT NULL, origin TEXT NOT NULL, line TEXT NOT NULL, time INTEGER NOT NULL,
                        PRIMARY KEY (hostname, origin)) WITHOUT ROWID;
)sql",
    // Sign-ins of the audit that may still count: 60 days is the longest that a token can outlive its
    // sign-in.
    R"sql(
CREATE TABLE sessions (session TEXT PRIMARY KEY, email TEXT NOT NULL COLLATE NOCASE, application TEXT NOT NULL,
                       peer TEXT NOT NULL, begun INTEGER NOT NULL, login INTEGER NOT NULL,
                       expires INTEGER NOT NULL, revoked INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
INSERT OR IGNORE INTO sessions (session, email, application, peer, begun, login, expires, revoked)
  SELECT substr(reason, 9), identity, application, peer, time, id, time + 2592000,
         substr(reason, 9) IN (SELECT session FROM revoked_sessions) OR
         time <= coalesce((SELECT until FROM revoked_people WHERE email = lower(identity)), 0)
  FROM audit WHERE time >= CAST(strftime('%s', 'now') AS INTEGER) - 5184000 AND kind = 'login' AND reason LIKE 'session ________________';
CREATE INDEX sessions_of ON sessions (email, begun, login) WHERE revoked = 0;
CREATE INDEX sessions_begun ON sessions (begun, login) WHERE revoked = 0;
CREATE INDEX sessions_expires ON sessions (expires);
CREATE INDEX revoked_sessions_until ON revoked_sessions (until);
CREATE INDEX revoked_certificates_time ON revoked_certificates (time);
CREATE INDEX audit_identity ON audit (identity COLLATE NOCASE);
CREATE INDEX audit_application ON audit (application);
CREATE INDEX audit_kind ON audit (kind);
CREATE INDEX audit_certificate ON audit (application, identity COLLATE NOCASE, time) WHERE kind = 'certificate';
)sql",
    R"sql(
ALTER TABLE audit ADD COLUMN login_method TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN login_method TEXT NOT NULL DEFAULT '';
)sql",
    // What ends open tunnels is counted where it happens, whichever program writes it.
    R"sql(
INSERT INTO counters (name, value) VALUES ('revocations', 0);
CREATE TRIGGER person_revoked AFTER INSERT ON revoked_people
  BEGIN UPDATE counters SET value = value + 1 WHERE name = 'revocations'; END;
CREATE TRIGGER person_revoked_again AFTER UPDATE ON revoked_people
  BEGIN UPDATE counters SET value = value + 1 WHERE name = 'revocations'; END;
CREATE TRIGGER session_revoked AFTER INSERT ON revoked_sessions
  BEGIN UPDATE counters SET value = value + 1 WHERE name = 'revocations'; END;
CREATE TRIGGER service_token_erased AFTER DELETE ON service_tokens
  BEGIN UPDATE counters SET value = value + 1 WHERE name = 'revocations'; END;
)sql",
    // Open tunnels go with the process that carries them.
    R"sql(
CREATE TABLE edges (edge TEXT PRIMARY KEY, alive INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX edges_alive ON edges (alive);
CREATE TABLE tunnels (edge TEXT NOT NULL, id INTEGER NOT NULL, identity TEXT NOT NULL, application TEXT NOT NULL,
                      peer TEXT NOT NULL, session TEXT NOT NULL, destination TEXT NOT NULL, since INTEGER NOT NULL,
                      terminal INTEGER NOT NULL, up_bytes INTEGER NOT NULL, down_bytes INTEGER NOT NULL,
                      asked_to_end INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (edge, id)) WITHOUT ROWID;
CREATE INDEX tunnels_asked_to_end ON tunnels (edge) WHERE asked_to_end > 0;
CREATE TRIGGER edge_gone AFTER DELETE ON edges
  BEGIN DELETE FROM tunnels WHERE edge = old.edge; END;
CREATE TRIGGER tunnel_asked_to_end AFTER UPDATE OF asked_to_end ON tunnels
  BEGIN UPDATE counters SET value = value + 1 WHERE name = 'revocations'; END;
ALTER TABLE sessions ADD COLUMN device TEXT NOT NULL DEFAULT '';
)sql",
    // Connectors, and where they are attached, which goes with the process as well.
    R"sql(
CREATE TABLE connectors (id TEXT PRIMARY KEY, name TEXT NOT NULL, public_key BLOB NOT NULL, host TEXT NOT NULL,
                         created INTEGER NOT NULL, last_attached INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX connectors_name ON connectors (name, created);
CREATE TRIGGER connector_erased AFTER DELETE ON connectors
  BEGIN UPDATE counters SET value = value + 1 WHERE name = 'revocations'; END;
CREATE TABLE attachments (edge TEXT NOT NULL, connector TEXT NOT NULL, instance TEXT NOT NULL, version TEXT NOT NULL,
                          peer TEXT NOT NULL, since INTEGER NOT NULL, connections INTEGER NOT NULL,
                          tunnels INTEGER NOT NULL, PRIMARY KEY (edge, connector, instance)) WITHOUT ROWID;
CREATE TRIGGER edge_gone_detaches AFTER DELETE ON edges
  BEGIN DELETE FROM attachments WHERE edge = old.edge; END;
)sql",
    // A tunnel may be without its client for a while.
    R"sql(
ALTER TABLE tunnels ADD COLUMN detached INTEGER NOT NULL DEFAULT 0;
)sql"};

void execute(sqlite3* db, const char* sql) {
  if (sqlite3_exec(db, sql, nullptr, nullptr, nullptr) != SQLITE_OK)
    throw std::runtime_error(sqlite3_errmsg(db));
}

int look_again(void*, int looks) {
  if (looks >= kBusyTimeout / kBusyLook) return 0;
  std::this_thread::sleep_for(kBusyLook);
  return 1;
}

std::size_t schema_version(sqlite3* db) {
  const Statement statement(db, "PRAGMA user_version");
  Query query(statement);
  if (!query.step()) throw std::runtime_error(sqlite3_errmsg(db));
  if (query.number(0) < 0) throw std::runtime_error("is not the database of an edge");
  return static_cast<std::size_t>(query.number(0));
}

void migrate(sqlite3* db) {
  execute(db, "BEGIN IMMEDIATE");
  const std::size_t version = schema_version(db);
  if (version > kSteps.size()) throw std::runtime_error("was written by a newer version of cfpipe-edge");
  for (std::size_t step = version; step < kSteps.size(); ++step) execute(db, kSteps[step]);
  if (version < kSteps.size())
    execute(db, ("PRAGMA user_version = " + std::to_string(kSteps.size())).c_str());
  execute(db, "COMMIT");
}

/// Whether the file is there, of ours to write, and closed to others.
bool is_private(const std::string& path) {
  struct stat info {};
  return ::lstat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) && (info.st_mode & 07777u) == 0600u &&
         ::faccessat(AT_FDCWD, path.c_str(), R_OK | W_OK, AT_EACCESS) == 0;
}

// SQLite gives its journal files the mode of the database, so the mode is set by making the file first. What
// is private already is not opened here: to close it would end the locks of this process's other handles,
// under which the next process to close the database deletes its log.
void make_private(const std::string& path) {
  if (is_private(path)) return;
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) throw std::runtime_error(std::strerror(errno));
  const bool closed_to_others = ::fchmod(fd, 0600) == 0;
  ::close(fd);
  if (!closed_to_others) throw std::runtime_error("cannot be made private");
}

Db open_database(const std::string& path) {
  make_private(path);
  sqlite3* raw = nullptr;
  const int result =
      sqlite3_open_v2(path.c_str(), &raw, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW, nullptr);
  Db db(raw);
  if (result != SQLITE_OK) throw std::runtime_error(sqlite3_errstr(result));
  sqlite3_busy_handler(db.get(), look_again, nullptr);
  execute(db.get(), "PRAGMA journal_mode = WAL");
  execute(db.get(), "PRAGMA synchronous = NORMAL");
  execute(db.get(), "PRAGMA secure_delete = ON");
  migrate(db.get());
  return db;
}

}  // namespace

Result<Db> open_sqlite_database(const std::string& dir) {
  if (auto prepared = prepare_state_dir(dir); !prepared) return prepared.error();
  const std::string path = dir + "/edge.db";
  try {
    return open_database(path);
  } catch (const std::runtime_error& error) {
    return Failure(Stage::state, Cause::state_unreadable, path + ": " + printable(error.what()));
  }
}

}  // namespace cfpipe::edge
