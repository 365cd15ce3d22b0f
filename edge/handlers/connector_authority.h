#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

#include "auth/connector/key.h"
#include "edge/connector/attach_record.h"
#include "edge/handlers/context.h"
#include "edge/http/request_handler.h"
#include "edge/identity/connectors.h"
#include "edge/limits/attempts.h"

namespace cfpipe::edge {

/// Largest request to enrol, in bytes, and longest name that a server may call itself.
inline constexpr std::size_t kMaxEnrolmentBytes = 4 * 1024;
inline constexpr std::size_t kMaxServerNameBytes = 253;
/// Enrolments of one address that may fail in a minute.
inline constexpr std::size_t kMaxBadEnrolments = 30;
/// How often one connector may attach in a minute, with all of its connections.
inline constexpr std::size_t kMaxAttachesPerMinute = 240;
/// How long a connector that has as many connections as it may is asked to wait, in seconds: those that it
/// has lost are known to be gone then.
inline constexpr std::int64_t kFullConnectorWait = 10;
/// How long a challenge is good, in seconds.
inline constexpr std::int64_t kChallengeSeconds = 60;

/// Enrols connectors, lets them attach, and ends those that were revoked.
class ConnectorAuthority {
 public:
  /// Outlives it.
  explicit ConnectorAuthority(EdgeContext& context)
      : context_(context), connectors_(context.store.connectors(), context.store.pending()) {}

  /// POST auth::kEnrolPath.
  Answer enrol(const Request& request);
  /// GET auth::kAttachPath with an upgrade: leave to attach, a challenge, or why not.
  std::variant<AttachGrant, Answer> attach(const Request& request);
  /// The same path without an upgrade.
  static Answer upgrade_required();

  /// Every second: ends the connections of connectors that were revoked, by whichever process. Returns how
  /// many it has told to end.
  std::size_t end_revoked();

 private:
  struct Refusal {
    int status = 403;
    const char* cause = "";  ///< in the metrics
    std::string reason;      ///< for people
    std::string who = {};    ///< name of the connector; empty: not known
    std::int64_t wait = 0;   ///< seconds until it is worth another try; 0: not known
  };
  using Attaching = std::variant<AttachGrant, Refusal, Answer>;

  Answer refused(const Request& request, const Refusal& refusal);
  Answer challenge(const auth::AttachClaim& claim) const;
  Answer enrolled(const Request& request, const ConnectorRow& row, std::string_view version);
  Attaching judge(const Request& request, const auth::AttachClaim& claim);
  /// `once` and `expires`: of the challenge.
  Attaching judge_known(const ConnectorRow& row, const std::string& once, std::int64_t expires);
  AttachGrant attached(const Request& request, const auth::AttachClaim& claim, const ConnectorRow& row);
  std::shared_ptr<AttachRecord> record_of(AuditRow row);
  Refusal wrong_signature(const Request& request, const std::string& who) const;

  EdgeContext& context_;
  Connectors connectors_;
  Attempts bad_enrolments_{kMaxBadEnrolments};  ///< by address
  Attempts attaches_{kMaxAttachesPerMinute};    ///< by connector
  std::int64_t seen_changes_ = -1;              ///< the store's count of revocations
  std::int64_t looks_until_ = 0;                ///< Unix seconds
};

}  // namespace cfpipe::edge
