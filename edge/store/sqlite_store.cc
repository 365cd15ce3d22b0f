#include <algorithm>
#include <stdexcept>

#include "base/platform/files.h"
#include "base/text.h"
#include "edge/policy/lifetimes.h"
#include "edge/store/sqlite.h"
#include "edge/store/sqlite_audit.h"
#include "edge/store/sqlite_copy.h"
#include "edge/store/sqlite_host_keys.h"
#include "edge/store/sqlite_schema.h"
#include "edge/store/sqlite_sessions.h"
#include "edge/store/store.h"

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
  Result<void> revoke_certificates(std::string_view hostname, const std::vector<std::uint64_t>& serials,
                                   std::int64_t now) override;
  Result<std::vector<std::uint64_t>> revoked_certificates(std::string_view hostname,
                                                          std::int64_t since) override;
  Result<bool> put_pending(std::string_view kind, std::string_view key, std::string_view value,
                           std::int64_t expires, std::int64_t now) override;
  Result<bool> use_once(std::string_view kind, std::string_view key, std::int64_t expires,
                        std::int64_t now) override;
  Result<std::optional<std::string>> take_pending(std::string_view kind, std::string_view key,
                                                  std::int64_t now) override;
  Result<bool> add_service_token(const ServiceTokenRow& row) override;
  Result<std::optional<ServiceTokenRow>> service_token(std::string_view client_id) override;
  Result<std::vector<ServiceTokenRow>> service_tokens() override;
  Result<bool> remove_service_token(std::string_view name) override;
  Result<void> service_token_used(std::string_view client_id, std::int64_t now) override;
  Result<void> revoke_person(std::string_view email, std::int64_t time) override {
    return sessions_.revoke_person(email, time);
  }
  Result<std::int64_t> revoked_until(std::string_view email) override {
    return sessions_.revoked_until(email);
  }
  Result<void> revoke_session(std::string_view session, std::int64_t until) override {
    return sessions_.revoke(session, until);
  }
  Result<bool> session_revoked(std::string_view session) override { return sessions_.revoked(session); }
  Result<std::optional<SessionRow>> session(std::string_view session) override {
    return sessions_.find(session);
  }
  Result<std::vector<SessionRow>> sessions(const SessionQuery& wanted) override {
    return sessions_.list(wanted);
  }
  Result<std::int64_t> others_changes() override;
  Result<std::int64_t> append_audit(const AuditRow& row) override { return audit_.append(row); }
  Result<std::vector<std::int64_t>> append_audit_together(const std::vector<AuditRow>& rows) override {
    return audit_.append_together(rows);
  }
  Result<std::vector<std::int64_t>> append_audit_spooled(const std::vector<AuditRow>& rows, std::size_t spool,
                                                         std::int64_t number) override {
    return audit_.append_spooled(rows, spool, number);
  }
  Result<std::int64_t> audit_spooled(std::size_t spool) override { return audit_.spooled(spool); }
  Result<void> read_audit(std::int64_t since, const std::function<bool(const AuditRow&)>& each) override {
    return audit_.read(since, each);
  }
  Result<AuditPage> search_audit(const AuditQuery& wanted) override { return audit_.search(wanted); }
  Result<std::vector<std::uint64_t>> certificate_serials(std::string_view hostname, std::string_view identity,
                                                         std::int64_t since) override {
    return audit_.certificates(hostname, identity, since);
  }
  Result<std::int64_t> prune(std::int64_t now, std::int64_t most) override;
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
  Result<void> copy_into(int file, const std::string& name) override {
    return copy_database(db_.get(), file, name);
  }

 private:
  Failure failure() const { return database_failure(db_.get()); }

  Db db_;
  Statement key_get_{db_.get(), "SELECT value FROM keys WHERE name = ?"};
  Statement key_add_{db_.get(), "INSERT INTO keys (name, value) VALUES (?, ?) ON CONFLICT DO NOTHING"};
  Statement key_move_{db_.get(), "UPDATE OR REPLACE keys SET name = ?2 WHERE name = ?1"};
  Statement key_list_{db_.get(), "SELECT name FROM keys WHERE name >= ? AND name < ? ORDER BY name"};
  Statement aud_get_{db_.get(), "SELECT aud FROM applications WHERE hostname = ?"};
  Statement aud_add_{db_.get(),
                     "INSERT INTO applications (hostname, aud) VALUES (?, ?) ON CONFLICT DO NOTHING"};
  Statement serial_{db_.get(),
                    "INSERT INTO counters (name, value) VALUES ('serial', ?1) "
                    "ON CONFLICT (name) DO UPDATE SET value = value + ?1 RETURNING value"};
  Statement revoke_{db_.get(),
                    "INSERT OR IGNORE INTO revoked_certificates (hostname, serial, time) VALUES (?, ?, ?)"};
  Statement revoked_{
      db_.get(), "SELECT serial FROM revoked_certificates WHERE hostname = ? AND time >= ? ORDER BY serial"};
  Statement pending_expire_{db_.get(), "DELETE FROM pending WHERE expires <= ?"};
  Statement pending_count_{db_.get(), "SELECT count(*) FROM pending WHERE kind = ?"};
  Statement pending_put_{db_.get(),
                         "INSERT OR REPLACE INTO pending (kind, key, value, expires) VALUES (?, ?, ?, ?)"};
  Statement pending_once_{db_.get(),
                          "INSERT INTO pending (kind, key, value, expires) VALUES (?, ?, x'', ?) "
                          "ON CONFLICT DO NOTHING"};
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
  Statement revoked_expire_{db_.get(),
                            "DELETE FROM revoked_certificates WHERE (hostname, serial) IN (SELECT hostname, "
                            "serial FROM revoked_certificates WHERE time < ? ORDER BY time LIMIT ?)"};
  Statement changes_{db_.get(), "PRAGMA data_version"};
  SqliteSessions sessions_{db_.get()};
  SqliteAudit audit_{db_.get(), sessions_};
  SqliteHostKeys host_keys_{db_.get()};
  std::uint64_t serial_next_ = 1;   ///< of the block that is reserved
  std::uint64_t serial_last_ = 0;   ///< the block's last; below the next: it is used up
  std::uint64_t serial_block_ = 1;  ///< how many to reserve: doubled each time, for commands want one alone
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
  std::string end(prefix);
  ++end.back();  // the first name behind all that begin so: prefixes end in '/'
  Query query(key_list_);
  query.bind(prefix).bind(end);
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
  if (serial_next_ <= serial_last_) return serial_next_++;
  const Durable durable(db_.get());
  Query query(serial_);
  query.bind(static_cast<std::int64_t>(serial_block_));
  if (!query.step()) return failure();
  const auto last = static_cast<std::uint64_t>(query.number(0));
  // RETURNING hands out the row before the statement has committed: only its end makes the numbers ours.
  while (query.step()) {
  }
  if (!query.ok()) return failure();
  serial_next_ = last - serial_block_ + 1;
  serial_last_ = last;
  serial_block_ = std::min(serial_block_ * 2, kMaxSerialBlock);
  return serial_next_++;
}

Result<void> SqliteState::revoke_certificates(std::string_view hostname,
                                              const std::vector<std::uint64_t>& serials, std::int64_t now) {
  const Durable durable(db_.get());
  Transaction transaction(db_.get());
  if (!transaction) return failure();
  for (const std::uint64_t serial : serials) {
    Query query(revoke_);
    query.bind(hostname).bind(static_cast<std::int64_t>(serial)).bind(now).step();
    if (!query.ok()) return failure();
  }
  if (!transaction.commit()) return failure();
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

Result<bool> SqliteState::use_once(std::string_view kind, std::string_view key, std::int64_t expires,
                                   std::int64_t now) {
  const Durable durable(db_.get());
  {
    Query expire(pending_expire_);
    expire.bind(now).step();
    if (!expire.ok()) return failure();
  }
  Query query(pending_once_);
  query.bind(kind).bind(key).bind(expires).step();
  if (!query.ok()) return failure();
  return sqlite3_changes(db_.get()) == 1;
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

Result<std::int64_t> SqliteState::others_changes() {
  Query query(changes_);
  if (!query.step()) return failure();
  return query.number(0);
}

Result<std::int64_t> SqliteState::prune(std::int64_t now, std::int64_t most) {
  const auto rows = audit_.prune(now, most);
  if (!rows) return rows;
  const auto sessions = sessions_.prune(now, most);
  if (!sessions) return sessions;
  Query expire(revoked_expire_);
  expire.bind(now - kMaxCertificateTtl.count()).bind(most).step();
  if (!expire.ok()) return failure();
  return *rows + *sessions + sqlite3_changes(db_.get());
}

}  // namespace

Result<std::unique_ptr<State>> open_sqlite_state(const std::string& dir) {
  if (auto prepared = prepare_state_dir(dir); !prepared) return prepared.error();
  const std::string path = dir + "/edge.db";
  try {
    return std::unique_ptr<State>(std::make_unique<SqliteState>(open_database(path)));
  } catch (const std::runtime_error& error) {
    return Failure(Stage::state, Cause::state_unreadable, path + ": " + printable(error.what()));
  }
}

}  // namespace cfpipe::edge
