#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "edge/store/audit_store.h"
#include "edge/store/sqlite.h"
#include "edge/store/sqlite_audit_insert.h"
#include "edge/store/sqlite_revocations.h"
#include "edge/store/sqlite_writer.h"

namespace cfpipe::edge {

/// The AuditStore in SQLite.
class SqliteAudit final : public AuditStore {
 public:
  /// `revocations` takes the sessions that begin, `writer` what waits for the disk elsewhere. All outlive it;
  /// throws std::runtime_error, like Statement.
  SqliteAudit(sqlite3* db, SqliteRevocations& revocations, SqliteWriter& writer);

  Result<std::int64_t> insert(const AuditRow& row) override;
  Result<std::vector<std::int64_t>> insert_all(const std::vector<AuditRow>& rows) override;
  boost::asio::awaitable<Result<std::vector<std::int64_t>>> async_insert_all(
      std::vector<AuditRow> rows) override;
  Result<std::vector<std::int64_t>> insert_spooled(const std::vector<AuditRow>& rows, std::size_t spool,
                                                   std::int64_t number) override;
  Result<std::int64_t> spool_mark(std::size_t spool) override;
  Result<void> read(std::int64_t since, const std::function<bool(const AuditRow&)>& each) override;
  Result<AuditPage> search(const AuditQuery& wanted) override;
  Result<std::vector<AuditRow>> list_after(std::int64_t id, std::size_t most) override;
  Result<std::vector<std::uint64_t>> list_certificates(std::string_view hostname, std::string_view identity,
                                                       std::int64_t since) override;
  Result<std::int64_t> copy_mark() override;
  Result<void> set_copy_mark(std::int64_t id) override;
  Result<std::int64_t> prune(std::int64_t now, std::int64_t most) override;

 private:
  const Statement& found_by(const AuditQuery& wanted) const;

  sqlite3* db_;
  SqliteWriter& writer_;
  SqliteAuditInsert insert_;
  Statement read_;
  Statement search_;
  Statement search_identity_;
  Statement search_application_;
  Statement search_kind_;
  Statement list_after_;
  Statement list_certificates_;
  Statement begin_copy_;
  Statement copy_mark_;
  Statement set_copy_mark_;
  Statement spool_mark_;
  Statement set_spool_mark_;
  Statement prune_;
};

}  // namespace cfpipe::edge
