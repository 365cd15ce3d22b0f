#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "edge/store/audit_store.h"
#include "edge/store/revocation_store.h"
#include "edge/store/sqlite.h"

namespace cfpipe::edge {

/// The RevocationStore in SQLite.
class SqliteRevocations final : public RevocationStore {
 public:
  /// `db` outlives it; throws std::runtime_error, like Statement.
  explicit SqliteRevocations(sqlite3* db);

  /// Stores the session that this row of kind login, with its id, begins. Inside the caller's transaction.
  Result<void> insert_session(const AuditRow& login, std::int64_t id);

  Result<void> revoke_person(std::string_view email, std::int64_t time) override;
  Result<std::int64_t> revoked_until(std::string_view email) override;
  Result<void> revoke_session(std::string_view session, std::int64_t until) override;
  Result<bool> session_revoked(std::string_view session) override;
  Result<std::optional<SessionRow>> find_session(std::string_view session) override;
  Result<std::vector<SessionRow>> list_sessions(const SessionQuery& wanted) override;
  Result<void> revoke_certificates(std::string_view hostname, const std::vector<std::uint64_t>& serials,
                                   std::int64_t now) override;
  Result<std::vector<std::uint64_t>> list_certificates(std::string_view hostname,
                                                       std::int64_t since) override;
  Result<std::int64_t> version() override;
  Result<std::int64_t> prune(std::int64_t now, std::int64_t most) override;

 private:
  sqlite3* db_;
  Statement insert_session_;
  Statement find_session_;
  Statement list_sessions_of_;
  Statement list_sessions_;
  Statement revoke_person_;
  Statement mark_sessions_of_;
  Statement revoked_until_;
  Statement revoke_session_;
  Statement mark_session_;
  Statement session_revoked_;
  Statement revoke_certificate_;
  Statement list_certificates_;
  Statement version_;
  Statement prune_sessions_;
  Statement prune_revoked_sessions_;
  Statement prune_certificates_;
};

}  // namespace cfpipe::edge
