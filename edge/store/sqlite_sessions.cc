#include "edge/store/sqlite_sessions.h"

#include <string>
#include <utility>

#include "base/text.h"
#include "edge/policy/lifetimes.h"

namespace cfpipe::edge {
namespace {

const std::string kSelect =
    "SELECT session, email, application, peer, begun, expires, revoked, login_method FROM sessions ";
/// A person's revocation marks the sessions that there are; the last condition is for one that begins in the
/// same second.
const std::string kGood =
    "begun >= ?1 AND expires > ?2 AND revoked = 0 AND "
    "begun > coalesce((SELECT until FROM revoked_people WHERE revoked_people.email = lower(sessions.email)), "
    "0) "
    "ORDER BY begun DESC, login DESC LIMIT ?3";

SessionRow row_of(const Query& query) {
  SessionRow row;
  row.session = query.text(0);
  row.email = query.text(1);
  row.application = query.text(2);
  row.peer = query.text(3);
  row.begun = query.number(4);
  row.expires = query.number(5);
  row.revoked = query.number(6) != 0;
  row.login_method = query.text(7);
  return row;
}

}  // namespace

SqliteSessions::SqliteSessions(sqlite3* db)
    : db_(db),
      add_(db,
           "INSERT INTO sessions (session, email, application, peer, begun, login, expires, login_method) "
           "VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"),
      find_(db, kSelect + "WHERE session = ?"),
      list_of_(db, kSelect + "WHERE email = ?4 AND " + kGood),
      list_all_(db, kSelect + "WHERE " + kGood),
      person_revoke_(db,
                     "INSERT INTO revoked_people (email, until) VALUES (?, ?) "
                     "ON CONFLICT (email) DO UPDATE SET until = max(until, excluded.until)"),
      person_mark_(db, "UPDATE sessions SET revoked = 1 WHERE email = ? AND begun <= ? AND revoked = 0"),
      person_revoked_(db, "SELECT until FROM revoked_people WHERE email = ?"),
      revoke_(db,
              "INSERT INTO revoked_sessions (session, until) VALUES (?, ?) "
              "ON CONFLICT (session) DO UPDATE SET until = max(until, excluded.until)"),
      mark_(db, "UPDATE sessions SET revoked = 1 WHERE session = ?"),
      revoked_(db, "SELECT 1 FROM revoked_sessions WHERE session = ?"),
      prune_(db,
             "DELETE FROM sessions WHERE session IN "
             "(SELECT session FROM sessions WHERE expires <= ? ORDER BY expires LIMIT ?)"),
      prune_revoked_(db,
                     "DELETE FROM revoked_sessions WHERE session IN "
                     "(SELECT session FROM revoked_sessions WHERE until <= ? ORDER BY until LIMIT ?)") {}

Result<void> SqliteSessions::add(const AuditRow& login, std::int64_t id) {
  Query query(add_);
  query.bind(login.session).bind(login.identity).bind(login.application).bind(login.peer);
  query.bind(login.time).bind(id).bind(login.session_expires).bind(login.login_method).step();
  if (!query.ok()) return database_failure(db_);
  return {};
}

Result<std::optional<SessionRow>> SqliteSessions::find(std::string_view session) {
  Query query(find_);
  query.bind(session);
  std::optional<SessionRow> row;
  if (query.step()) row = row_of(query);
  if (!query.ok()) return database_failure(db_);
  return row;
}

Result<std::vector<SessionRow>> SqliteSessions::list(const SessionQuery& wanted) {
  Query query(wanted.email.empty() ? list_all_ : list_of_);
  query.bind(wanted.since).bind(wanted.now).bind(static_cast<std::int64_t>(wanted.most));
  if (!wanted.email.empty()) query.bind(wanted.email);
  std::vector<SessionRow> rows;
  while (query.step()) rows.push_back(row_of(query));
  if (!query.ok()) return database_failure(db_);
  return rows;
}

Result<void> SqliteSessions::revoke_person(std::string_view email, std::int64_t time) {
  const Durable durable(db_);
  const std::string person = lower(email);
  Transaction transaction(db_);
  if (!transaction) return database_failure(db_);
  Query query(person_revoke_);
  query.bind(person).bind(time).step();
  Query mark(person_mark_);
  mark.bind(person).bind(time).step();
  if (!query.ok() || !mark.ok() || !transaction.commit()) return database_failure(db_);
  return {};
}

Result<std::int64_t> SqliteSessions::revoked_until(std::string_view email) {
  const std::string person = lower(email);
  Query query(person_revoked_);
  query.bind(person);
  const bool found = query.step();
  if (!query.ok()) return database_failure(db_);
  return found ? query.number(0) : 0;
}

Result<void> SqliteSessions::revoke(std::string_view session, std::int64_t until) {
  const Durable durable(db_);
  Transaction transaction(db_);
  if (!transaction) return database_failure(db_);
  Query query(revoke_);
  query.bind(session).bind(until).step();
  Query mark(mark_);
  mark.bind(session).step();
  if (!query.ok() || !mark.ok() || !transaction.commit()) return database_failure(db_);
  return {};
}

Result<bool> SqliteSessions::revoked(std::string_view session) {
  Query query(revoked_);
  query.bind(session);
  const bool found = query.step();
  if (!query.ok()) return database_failure(db_);
  return found;
}

/// Application tokens may be made at a session's very end: it can be revoked until those have expired.
Result<std::int64_t> SqliteSessions::prune(std::int64_t now, std::int64_t most) {
  std::int64_t deleted = 0;
  for (const auto& [statement, time] :
       {std::pair(&prune_, now - kMaxSession.count()), std::pair(&prune_revoked_, now)}) {
    Query query(*statement);
    query.bind(time).bind(most).step();
    if (!query.ok()) return database_failure(db_);
    deleted += sqlite3_changes(db_);
  }
  return deleted;
}

}  // namespace cfpipe::edge
