#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace cfpipe::edge {

/// A sign-in of a person.
struct SessionRow {
  std::string session;  ///< its name in the audit
  std::string email;
  std::string application;
  std::string login_method;  ///< name of the identity provider
  std::string peer;
  std::string device;        ///< browser and system, as far as they are known
  std::int64_t begun = 0;    ///< Unix seconds
  std::int64_t expires = 0;  ///< application tokens may outlive it by kMaxSession
  bool revoked = false;
};

/// Which sessions to list.
struct SessionQuery {
  std::string email;       ///< of that person; empty: of everybody
  std::int64_t since = 0;  ///< begun then or later
  std::int64_t now = 0;    ///< and not expired then
  std::size_t most = 0;
};

/// What ends access before its time: revoked people, sessions and certificates; and the sessions themselves,
/// which the audit's rows of kind login begin. Emails are compared without regard to case. Times are Unix
/// seconds. A revocation is on disk when the call returns. Failures are Stage::state with one printable line.
class RevocationStore {
 public:
  virtual ~RevocationStore() = default;

  /// Voids the tokens of a person that were issued up to `time`. An earlier time than before changes nothing.
  virtual Result<void> revoke_person(std::string_view email, std::int64_t time) = 0;
  /// The time up to which a person's tokens are void; 0 if no token is.
  virtual Result<std::int64_t> revoked_until(std::string_view email) = 0;

  /// Voids the tokens of a session. The store remembers it up to `until`, when all of them have expired. An
  /// earlier time than before changes nothing.
  virtual Result<void> revoke_session(std::string_view session, std::int64_t until) = 0;
  virtual Result<bool> session_revoked(std::string_view session) = 0;
  /// A session by its name, while a token of it may still be good.
  virtual Result<std::optional<SessionRow>> find_session(std::string_view session) = 0;
  /// Sessions that have neither expired nor been revoked, newest first.
  virtual Result<std::vector<SessionRow>> list_sessions(const SessionQuery& wanted) = 0;

  /// Voids the certificates with these serials: all or none. Serials that were revoked before keep their
  /// time.
  virtual Result<void> revoke_certificates(std::string_view hostname,
                                           const std::vector<std::uint64_t>& serials, std::int64_t now) = 0;
  /// The serials that were revoked at `since` or later, ascending.
  virtual Result<std::vector<std::uint64_t>> list_certificates(std::string_view hostname,
                                                               std::int64_t since) = 0;

  /// A number that grows with each revocation of a person or session, each service token or connector that
  /// is erased and each tunnel that is asked to end (see TunnelStore), through whichever handle, of whichever
  /// process; with nothing else.
  virtual Result<std::int64_t> version() = 0;
  /// Deletes sessions and revocations that no token or certificate can be subject to any more, `most` of each
  /// kind at most. Returns how many it has deleted.
  virtual Result<std::int64_t> prune(std::int64_t now, std::int64_t most) = 0;
};

}  // namespace cfpipe::edge
