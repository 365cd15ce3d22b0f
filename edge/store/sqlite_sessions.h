#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "edge/store/sqlite.h"
#include "edge/store/store.h"

namespace cfpipe::edge {

/// Sign-ins and their revocation in SQLite; what each function does is said of State.
class SqliteSessions {
 public:
  /// `db` outlives it; throws std::runtime_error, like Statement.
  explicit SqliteSessions(sqlite3* db);

  /// The session that this row of kind login, with its id, begins. Inside the caller's transaction.
  Result<void> add(const AuditRow& login, std::int64_t id);
  Result<std::optional<SessionRow>> find(std::string_view session);
  Result<std::vector<SessionRow>> list(const SessionQuery& wanted);

  Result<void> revoke_person(std::string_view email, std::int64_t time);
  Result<std::int64_t> revoked_until(std::string_view email);
  Result<void> revoke(std::string_view session, std::int64_t until);
  Result<bool> revoked(std::string_view session);
  Result<std::int64_t> prune(std::int64_t now, std::int64_t most);

 private:
  sqlite3* db_;
  Statement add_;
  Statement find_;
  Statement list_of_;
  Statement list_all_;
  Statement person_revoke_;
  Statement person_mark_;
  Statement person_revoked_;
  Statement revoke_;
  Statement mark_;
  Statement revoked_;
  Statement prune_;
  Statement prune_revoked_;
};

}  // namespace cfpipe::edge
