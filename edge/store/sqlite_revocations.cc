#include "edge/store/sqlite_revocations.h"

#include <string>
#include <utility>

#include "base/text.h"
#include "edge/policy/lifetimes.h"

namespace cfpipe::edge {
namespace {

const std::string kSelectSessions =
    "SELECT session, email, application, peer, begun, expires, revoked, login_method, device FROM sessions ";
/// A person's revocation marks the sessions that there are; the last condition is for one that begins in the
/// same second.
const std::string kGood =
    "begun >= ?1 AND expires > ?2 AND revoked = 0 AND "
    "begun > coalesce((SELECT until FROM revoked_people WHERE revoked_people.email = lower(sessions.email)), "
    "0) "
    "ORDER BY begun DESC, login DESC LIMIT ?3";

SessionRow session_row(const Query& query) {
  SessionRow row;
  row.session = query.text(0);
  row.email = query.text(1);
  row.application = query.text(2);
  row.peer = query.text(3);
  row.begun = query.number(4);
  row.expires = query.number(5);
  row.revoked = query.number(6) != 0;
  row.login_method = query.text(7);
  row.device = query.text(8);
  return row;
}

}  // namespace

SqliteRevocations::SqliteRevocations(sqlite3* db)
    : db_(db),
      insert_session_(
          db,
          "INSERT INTO sessions (session, email, application, peer, begun, login, expires, login_method, "
          "device) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"),
      find_session_(db, kSelectSessions + "WHERE session = ?"),
      list_sessions_of_(db, kSelectSessions + "WHERE email = ?4 AND " + kGood),
      list_sessions_(db, kSelectSessions + "WHERE " + kGood),
      revoke_person_(db,
                     "INSERT INTO revoked_people (email, until) VALUES (?, ?) "
                     "ON CONFLICT (email) DO UPDATE SET until = max(until, excluded.until)"),
      mark_sessions_of_(db, "UPDATE sessions SET revoked = 1 WHERE email = ? AND begun <= ? AND revoked = 0"),
      revoked_until_(db, "SELECT until FROM revoked_people WHERE email = ?"),
      revoke_session_(db,
                      "INSERT INTO revoked_sessions (session, until) VALUES (?, ?) "
                      "ON CONFLICT (session) DO UPDATE SET until = max(until, excluded.until)"),
      mark_session_(db, "UPDATE sessions SET revoked = 1 WHERE session = ?"),
      session_revoked_(db, "SELECT 1 FROM revoked_sessions WHERE session = ?"),
      revoke_certificate_(
          db, "INSERT OR IGNORE INTO revoked_certificates (hostname, serial, time) VALUES (?, ?, ?)"),
      list_certificates_(
          db, "SELECT serial FROM revoked_certificates WHERE hostname = ? AND time >= ? ORDER BY serial"),
      version_(db, "SELECT value FROM counters WHERE name = 'revocations'"),
      prune_sessions_(db,
                      "DELETE FROM sessions WHERE session IN "
                      "(SELECT session FROM sessions WHERE expires <= ? ORDER BY expires LIMIT ?)"),
      prune_revoked_sessions_(db,
                              "DELETE FROM revoked_sessions WHERE session IN "
                              "(SELECT session FROM revoked_sessions WHERE until <= ? ORDER BY until LIMIT "
                              "?)"),
      prune_certificates_(db,
                          "DELETE FROM revoked_certificates WHERE (hostname, serial) IN (SELECT hostname, "
                          "serial FROM revoked_certificates WHERE time <= ? ORDER BY time LIMIT ?)") {}

Result<void> SqliteRevocations::insert_session(const AuditRow& login, std::int64_t id) {
  Query query(insert_session_);
  query.bind(login.session).bind(login.identity).bind(login.application).bind(login.peer);
  query.bind(login.time).bind(id).bind(login.session_expires).bind(login.login_method);
  query.bind(login.session_device).step();
  if (!query.ok()) return database_failure(db_);
  return {};
}

Result<std::optional<SessionRow>> SqliteRevocations::find_session(std::string_view session) {
  Query query(find_session_);
  query.bind(session);
  std::optional<SessionRow> row;
  if (query.step()) row = session_row(query);
  if (!query.ok()) return database_failure(db_);
  return row;
}

Result<std::vector<SessionRow>> SqliteRevocations::list_sessions(const SessionQuery& wanted) {
  Query query(wanted.email.empty() ? list_sessions_ : list_sessions_of_);
  query.bind(wanted.since).bind(wanted.now).bind(static_cast<std::int64_t>(wanted.most));
  if (!wanted.email.empty()) query.bind(wanted.email);
  std::vector<SessionRow> rows;
  while (query.step()) rows.push_back(session_row(query));
  if (!query.ok()) return database_failure(db_);
  return rows;
}

Result<void> SqliteRevocations::revoke_person(std::string_view email, std::int64_t time) {
  const Durable durable(db_);
  const std::string person = lower(email);
  Transaction transaction(db_);
  if (!transaction) return database_failure(db_);
  Query query(revoke_person_);
  query.bind(person).bind(time).step();
  Query mark(mark_sessions_of_);
  mark.bind(person).bind(time).step();
  if (!query.ok() || !mark.ok() || !transaction.commit()) return database_failure(db_);
  return {};
}

Result<std::int64_t> SqliteRevocations::revoked_until(std::string_view email) {
  const std::string person = lower(email);
  Query query(revoked_until_);
  query.bind(person);
  const bool found = query.step();
  if (!query.ok()) return database_failure(db_);
  return found ? query.number(0) : 0;
}

Result<void> SqliteRevocations::revoke_session(std::string_view session, std::int64_t until) {
  const Durable durable(db_);
  Transaction transaction(db_);
  if (!transaction) return database_failure(db_);
  Query query(revoke_session_);
  query.bind(session).bind(until).step();
  Query mark(mark_session_);
  mark.bind(session).step();
  if (!query.ok() || !mark.ok() || !transaction.commit()) return database_failure(db_);
  return {};
}

Result<bool> SqliteRevocations::session_revoked(std::string_view session) {
  Query query(session_revoked_);
  query.bind(session);
  const bool found = query.step();
  if (!query.ok()) return database_failure(db_);
  return found;
}

Result<void> SqliteRevocations::revoke_certificates(std::string_view hostname,
                                                    const std::vector<std::uint64_t>& serials,
                                                    std::int64_t now) {
  const Durable durable(db_);
  Transaction transaction(db_);
  if (!transaction) return database_failure(db_);
  for (const std::uint64_t serial : serials) {
    Query query(revoke_certificate_);
    query.bind(hostname).bind(static_cast<std::int64_t>(serial)).bind(now).step();
    if (!query.ok()) return database_failure(db_);
  }
  if (!transaction.commit()) return database_failure(db_);
  return {};
}

Result<std::vector<std::uint64_t>> SqliteRevocations::list_certificates(std::string_view hostname,
                                                                        std::int64_t since) {
  std::vector<std::uint64_t> serials;
  Query query(list_certificates_);
  query.bind(hostname).bind(since);
  while (query.step()) serials.push_back(static_cast<std::uint64_t>(query.number(0)));
  if (!query.ok()) return database_failure(db_);
  return serials;
}

// Triggers of the schema count it.
Result<std::int64_t> SqliteRevocations::version() {
  Query query(version_);
  const bool found = query.step();
  if (!query.ok()) return database_failure(db_);
  if (!found)
    return Failure(Stage::state, Cause::state_unreadable, "the database has lost its count of revocations");
  return query.number(0);
}

// Application tokens may be made at a session's very end: it can be revoked until those have expired.
Result<std::int64_t> SqliteRevocations::prune(std::int64_t now, std::int64_t most) {
  std::int64_t deleted = 0;
  for (const auto& [statement, time] :
       {std::pair(&prune_sessions_, now - kMaxSession.count()), std::pair(&prune_revoked_sessions_, now),
        std::pair(&prune_certificates_, now - kMaxCertificateTtl.count() - 1)}) {
    Query query(*statement);
    query.bind(time).bind(most).step();
    if (!query.ok()) return database_failure(db_);
    deleted += sqlite3_changes(db_);
  }
  return deleted;
}

}  // namespace cfpipe::edge
