#include "edge/store/sqlite_store.h"

#include <stdexcept>
#include <utility>

#include "edge/store/sqlite_audit.h"
#include "edge/store/sqlite_connectors.h"
#include "edge/store/sqlite_host_keys.h"
#include "edge/store/sqlite_keys.h"
#include "edge/store/sqlite_pending.h"
#include "edge/store/sqlite_revocations.h"
#include "edge/store/sqlite_schema.h"
#include "edge/store/sqlite_serials.h"
#include "edge/store/sqlite_service_tokens.h"
#include "edge/store/sqlite_tunnels.h"
#include "edge/store/sqlite_writer.h"

namespace cfpipe::edge {
namespace {

/// All stores on one connection, and one more that waits for the disk.
class SqliteStore final : public Store {
 public:
  SqliteStore(Db db, const std::string& dir) : db_(std::move(db)), writer_(dir) {}

  KeyStore& keys() override { return keys_; }
  SerialStore& serials() override { return serials_; }
  PendingStore& pending() override { return pending_; }
  RevocationStore& revocations() override { return revocations_; }
  ServiceTokenStore& service_tokens() override { return service_tokens_; }
  HostKeyStore& host_keys() override { return host_keys_; }
  AuditStore& audit() override { return audit_; }
  TunnelStore& tunnels() override { return tunnels_; }
  ConnectorStore& connectors() override { return connectors_; }

 private:
  Db db_;
  SqliteKeys keys_{db_.get()};
  SqliteSerials serials_{db_.get()};
  SqlitePending pending_{db_.get()};
  SqliteRevocations revocations_{db_.get()};
  SqliteServiceTokens service_tokens_{db_.get()};
  SqliteHostKeys host_keys_{db_.get()};
  SqliteWriter writer_;
  SqliteAudit audit_{db_.get(), revocations_, writer_};
  SqliteTunnels tunnels_{db_.get(), writer_};
  SqliteConnectors connectors_{db_.get()};
};

}  // namespace

Result<std::unique_ptr<Store>> open_sqlite_store(const std::string& dir) {
  auto db = open_sqlite_database(dir);
  if (!db) return db.error();
  try {
    return std::unique_ptr<Store>(std::make_unique<SqliteStore>(std::move(*db), dir));
  } catch (const std::runtime_error& error) {
    return Failure(Stage::state, Cause::state_unreadable, dir + "/edge.db: " + printable(error.what()));
  }
}

}  // namespace cfpipe::edge
