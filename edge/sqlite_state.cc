#include <stdexcept>

#include "edge/files.h"
#include "edge/sqlite.h"
#include "edge/sqlite_audit.h"
#include "edge/sqlite_copy.h"
#include "edge/sqlite_host_keys.h"
#include "edge/sqlite_schema.h"
#include "edge/state.h"
#include "edge/text.h"

namespace cfpipe::edge {
namespace {

class SqliteState final : public State {
 public:
  explicit SqliteState(Db db) : db_(std::move(db)) {}

  Result<std::optional<Secret>> key(std::string_view name) override;
  Result<bool> add_key(std::string_view name, const Secret& value) override;
  Result<bool> move_key(std::string_view from, std::string_view to) override;
  Result<std::vector<std::string>> key_names(std::string_view prefix) override;
  Result<std::string> application_aud(std::string_view hostname) override;
  Result<std::uint64_t> next_serial() override;
  Result<void> revoke_certificate(std::string_view hostname, std::uint64_t serial, std::int64_t now) override;
  Result<std::vector<std::uint64_t>> revoked_certificates(std::string_view hostname,
                                                          std::int64_t since) override;
  Result<bool> put_pending(std::string_view kind, std::string_view key, std::string_view value,
                           std::int64_t expires, std::int64_t now) override;
  Result<std::optional<std::string>> take_pending(std::string_view kind, std::string_view key,
                                                  std::int64_t now) override;
  Result<bool> add_service_token(const ServiceTokenRow& row) override;
  Result<std::optional<ServiceTokenRow>> service_token(std::string_view client_id) override;
  Result<std::vector<ServiceTokenRow>> service_tokens() override;
  Result<bool> remove_service_token(std::string_view name) override;
  Result<void> service_token_used(std::string_view client_id, std::int64_t now) override;
  Result<void> revoke_person(std::string_view email, std::int64_t time) override;
  Result<std::int64_t> revoked_until(std::string_view email) override;
  Result<void> revoke_session(std::string_view session, std::int64_t until, std::int64_t now) override;
  Result<bool> session_revoked(std::string_view session) override;
  Result<std::int64_t> others_changes() override;
  Result<std::int64_t> append_audit(const AuditRow& row) override { return audit_.append(row); }
  Result<void> read_audit(std::int64_t since, const std::function<void(const AuditRow&)>& each) override {
    return audit_.read(since, each);
  }
  Result<std::vector<AuditRow>> search_audit(const AuditQuestion& question) override {
    return audit_.search(question);
  }
  Result<std::vector<AuditRow>> audit_behind(std::int64_t id, std::size_t most) override {
    return audit_.behind(id, most);
  }
  Result<std::int64_t> audit_copied() override { return audit_.copied(); }
  Result<std::string> host_key(std::string_view hostname, std::string_view origin) override {
    return host_keys_.find(hostname, origin);
  }
  Result<void> add_host_key(std::string_view hostname, std::string_view origin, std::string_view line,
                            std::int64_t now) override {
    return host_keys_.add(hostname, origin, line, now);
  }
  Result<std::vector<HostKeyRow>> host_keys() override { return host_keys_.all(); }
  Result<std::int64_t> forget_host_keys(std::string_view hostname) override {
    return host_keys_.forget(hostname);
  }
  Result<void> set_audit_copied(std::int64_t id) override { return audit_.set_copied(id); }
  Result<void> copy_to(const std::string& path) override { return copy_database(db_.get(), path); }

 private:
  /// Commits inside its life reach the disk before they return: what is lost otherwise could be given out
  /// twice.
  class Durable {
   public:
    explicit Durable(sqlite3* db) : db_(db) { set("PRAGMA synchronous = FULL"); }
    ~Durable() { set("PRAGMA synchronous = NORMAL"); }
    Durable(const Durable&) = delete;
    Durable& operator=(const Durable&) = delete;

   private:
    void set(const char* sql) { sqlite3_exec(db_, sql, nullptr, nullptr, nullptr); }
    sqlite3* db_;
  };

  transport::Failure failure() const { return database_failure(db_.get()); }

  Db db_;
  Statement key_get_{db_.get(), "SELECT value FROM keys WHERE name = ?"};
  Statement key_add_{db_.get(), "INSERT INTO keys (name, value) VALUES (?, ?) ON CONFLICT DO NOTHING"};
  Statement key_move_{db_.get(), "UPDATE OR REPLACE keys SET name = ?2 WHERE name = ?1"};
  Statement key_list_{db_.get(),
                      "SELECT name FROM keys WHERE substr(name, 1, length(?1)) = ?1 ORDER BY name"};
  Statement aud_get_{db_.get(), "SELECT aud FROM applications WHERE hostname = ?"};
  Statement aud_add_{db_.get(),
                     "INSERT INTO applications (hostname, aud) VALUES (?, ?) ON CONFLICT DO NOTHING"};
  Statement serial_{db_.get(),
                    "INSERT INTO counters (name, value) VALUES ('serial', 1) "
                    "ON CONFLICT (name) DO UPDATE SET value = value + 1 RETURNING value"};
  Statement revoke_{db_.get(),
                    "INSERT OR IGNORE INTO revoked_certificates (hostname, serial, time) VALUES (?, ?, ?)"};
  Statement revoked_{
      db_.get(), "SELECT serial FROM revoked_certificates WHERE hostname = ? AND time >= ? ORDER BY serial"};
  Statement pending_expire_{db_.get(), "DELETE FROM pending WHERE expires <= ?"};
  Statement pending_count_{db_.get(), "SELECT count(*) FROM pending WHERE kind = ?"};
  Statement pending_put_{db_.get(),
                         "INSERT OR REPLACE INTO pending (kind, key, value, expires) VALUES (?, ?, ?, ?)"};
  Statement pending_take_{db_.get(),
                          "DELETE FROM pending WHERE kind = ? AND key = ? RETURNING value, expires"};
  Statement service_add_{
      db_.get(),
      "INSERT INTO service_tokens (name, client_id, secret_hash, created, expires, last_used) "
      "VALUES (?, ?, ?, ?, ?, 0) ON CONFLICT DO NOTHING"};
  Statement service_get_{
      db_.get(),
      "SELECT name, client_id, secret_hash, created, expires, last_used FROM service_tokens "
      "WHERE client_id = ?"};
  Statement service_list_{
      db_.get(),
      "SELECT name, client_id, secret_hash, created, expires, last_used FROM service_tokens "
      "ORDER BY name"};
  Statement service_remove_{db_.get(), "DELETE FROM service_tokens WHERE name = ?"};
  Statement service_used_{
      db_.get(), "UPDATE service_tokens SET last_used = ?1 WHERE client_id = ?2 AND last_used < ?1 - ?3"};
  Statement person_revoke_{db_.get(),
                           "INSERT INTO revoked_people (email, until) VALUES (?, ?) "
                           "ON CONFLICT (email) DO UPDATE SET until = max(until, excluded.until)"};
  Statement person_revoked_{db_.get(), "SELECT until FROM revoked_people WHERE email = ?"};
  Statement session_revoke_{db_.get(),
                            "INSERT INTO revoked_sessions (session, until) VALUES (?, ?) "
                            "ON CONFLICT (session) DO UPDATE SET until = max(until, excluded.until)"};
  Statement session_expire_{db_.get(), "DELETE FROM revoked_sessions WHERE until <= ?"};
  Statement session_revoked_{db_.get(), "SELECT 1 FROM revoked_sessions WHERE session = ?"};
  Statement changes_{db_.get(), "PRAGMA data_version"};
  SqliteAudit audit_{db_.get()};
  SqliteHostKeys host_keys_{db_.get()};
};

ServiceTokenRow read_service_token(const Query& query) {
  ServiceTokenRow row;
  row.name = query.text(0);
  row.client_id = query.text(1);
  row.secret_hash = query.text(2);
  row.created = query.number(3);
  row.expires = query.number(4);
  row.last_used = query.number(5);
  return row;
}

Result<std::optional<Secret>> SqliteState::key(std::string_view name) {
  Query query(key_get_);
  query.bind(name);
  if (query.step()) return std::optional<Secret>(Secret(query.text(0)));
  if (!query.ok()) return failure();
  return std::optional<Secret>();
}

Result<bool> SqliteState::add_key(std::string_view name, const Secret& value) {
  const Durable durable(db_.get());
  Query query(key_add_);
  query.bind(name).bind_blob(value.reveal()).step();
  if (!query.ok()) return failure();
  return sqlite3_changes(db_.get()) == 1;
}

Result<bool> SqliteState::move_key(std::string_view from, std::string_view to) {
  const Durable durable(db_.get());
  Query query(key_move_);
  query.bind(from).bind(to).step();
  if (!query.ok()) return failure();
  return sqlite3_changes(db_.get()) == 1;
}

Result<std::vector<std::string>> SqliteState::key_names(std::string_view prefix) {
  std::vector<std::string> names;
  Query query(key_list_);
  query.bind(prefix);
  while (query.step()) names.push_back(query.text(0));
  if (!query.ok()) return failure();
  return names;
}

Result<std::string> SqliteState::application_aud(std::string_view hostname) {
  const Durable durable(db_.get());
  const std::string fresh = hex(random_bytes(32));
  for (int attempt = 0; attempt < 2; ++attempt) {
    {
      Query query(aud_get_);
      query.bind(hostname);
      if (query.step()) return query.text(0);
      if (!query.ok()) return failure();
    }
    Query add(aud_add_);
    add.bind(hostname).bind(fresh).step();
    if (!add.ok()) return failure();
  }
  return failure();
}

Result<std::uint64_t> SqliteState::next_serial() {
  const Durable durable(db_.get());
  Query query(serial_);
  if (!query.step()) return failure();
  const auto serial = static_cast<std::uint64_t>(query.number(0));
  // RETURNING hands out the row before the statement has committed: only its end makes the number ours.
  while (query.step()) {
  }
  if (!query.ok()) return failure();
  return serial;
}

Result<void> SqliteState::revoke_certificate(std::string_view hostname, std::uint64_t serial,
                                             std::int64_t now) {
  const Durable durable(db_.get());
  Query query(revoke_);
  query.bind(hostname).bind(static_cast<std::int64_t>(serial)).bind(now).step();
  if (!query.ok()) return failure();
  return {};
}

Result<std::vector<std::uint64_t>> SqliteState::revoked_certificates(std::string_view hostname,
                                                                     std::int64_t since) {
  std::vector<std::uint64_t> serials;
  Query query(revoked_);
  query.bind(hostname).bind(since);
  while (query.step()) serials.push_back(static_cast<std::uint64_t>(query.number(0)));
  if (!query.ok()) return failure();
  return serials;
}

Result<bool> SqliteState::put_pending(std::string_view kind, std::string_view key, std::string_view value,
                                      std::int64_t expires, std::int64_t now) {
  if (value.size() > kMaxPendingBytes) return false;
  {
    Query expire(pending_expire_);
    expire.bind(now).step();
    if (!expire.ok()) return failure();
  }
  {
    Query count(pending_count_);
    count.bind(kind);
    if (!count.step()) return failure();
    if (count.number(0) >= kMaxPending) return false;
  }
  Query put(pending_put_);
  put.bind(kind).bind(key).bind_blob(value).bind(expires).step();
  if (!put.ok()) return failure();
  return true;
}

Result<std::optional<std::string>> SqliteState::take_pending(std::string_view kind, std::string_view key,
                                                             std::int64_t now) {
  // Durable: a code whose removal is lost in a crash could be used again.
  const Durable durable(db_.get());
  Query query(pending_take_);
  query.bind(kind).bind(key);
  std::optional<std::string> value;
  while (query.step())
    if (query.number(1) > now) value = query.text(0);
  if (!query.ok()) return failure();
  return value;
}

Result<bool> SqliteState::add_service_token(const ServiceTokenRow& row) {
  const Durable durable(db_.get());
  Query query(service_add_);
  query.bind(row.name)
      .bind(row.client_id)
      .bind_blob(row.secret_hash)
      .bind(row.created)
      .bind(row.expires)
      .step();
  if (!query.ok()) return failure();
  return sqlite3_changes(db_.get()) == 1;
}

Result<std::optional<ServiceTokenRow>> SqliteState::service_token(std::string_view client_id) {
  Query query(service_get_);
  query.bind(client_id);
  std::optional<ServiceTokenRow> row;
  if (query.step()) row = read_service_token(query);
  if (!query.ok()) return failure();
  return row;
}

Result<std::vector<ServiceTokenRow>> SqliteState::service_tokens() {
  std::vector<ServiceTokenRow> rows;
  Query query(service_list_);
  while (query.step()) rows.push_back(read_service_token(query));
  if (!query.ok()) return failure();
  return rows;
}

Result<bool> SqliteState::remove_service_token(std::string_view name) {
  const Durable durable(db_.get());
  Query query(service_remove_);
  query.bind(name).step();
  if (!query.ok()) return failure();
  return sqlite3_changes(db_.get()) == 1;
}

Result<void> SqliteState::service_token_used(std::string_view client_id, std::int64_t now) {
  Query query(service_used_);
  query.bind(now).bind(client_id).bind(kLastUsedSeconds).step();
  if (!query.ok()) return failure();
  return {};
}

Result<void> SqliteState::revoke_person(std::string_view email, std::int64_t time) {
  const Durable durable(db_.get());
  const std::string person = lower(email);
  Query query(person_revoke_);
  query.bind(person).bind(time).step();
  if (!query.ok()) return failure();
  return {};
}

Result<std::int64_t> SqliteState::revoked_until(std::string_view email) {
  const std::string person = lower(email);
  Query query(person_revoked_);
  query.bind(person);
  const bool found = query.step();
  if (!query.ok()) return failure();
  return found ? query.number(0) : 0;
}

Result<void> SqliteState::revoke_session(std::string_view session, std::int64_t until, std::int64_t now) {
  const Durable durable(db_.get());
  Query expire(session_expire_);
  expire.bind(now).step();
  Query query(session_revoke_);
  query.bind(session).bind(until).step();
  if (!expire.ok() || !query.ok()) return failure();
  return {};
}

Result<bool> SqliteState::session_revoked(std::string_view session) {
  Query query(session_revoked_);
  query.bind(session);
  const bool found = query.step();
  if (!query.ok()) return failure();
  return found;
}

Result<std::int64_t> SqliteState::others_changes() {
  Query query(changes_);
  if (!query.step()) return failure();
  return query.number(0);
}

}  // namespace

Result<std::unique_ptr<State>> open_sqlite_state(const std::string& dir) {
  if (auto prepared = prepare_state_dir(dir); !prepared) return prepared.error();
  const std::string path = dir + "/edge.db";
  try {
    return std::unique_ptr<State>(std::make_unique<SqliteState>(open_database(path)));
  } catch (const std::runtime_error& error) {
    return transport::Failure(transport::Stage::state, transport::Cause::state_unreadable,
                              path + ": " + transport::printable(error.what()));
  }
}

}  // namespace cfpipe::edge
