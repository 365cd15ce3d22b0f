#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/connector/enrolment.h"
#include "base/host.h"
#include "edge/store/connector_store.h"
#include "edge/store/pending_store.h"

namespace cfpipe::edge {

/// How long an enrolment token is good, in seconds.
inline constexpr std::int64_t kEnrolmentSeconds = 10 * 60;

/// A connector that makes itself known.
struct Enrolment {
  std::string_view secret;  ///< of its token
  std::string public_key;   ///< raw
  std::string host;         ///< what its server calls itself
};

/// The connectors: their enrolment, by tokens of which only a digest is kept, and its end. Read from the
/// state at each use, so that a revocation by any process holds at once.
class Connectors {
 public:
  Connectors(ConnectorStore& connectors, PendingStore& pending)
      : connectors_(connectors), pending_(pending) {}

  /// Makes a token for a connector of that name, which auth::is_connector_name(). `edge`: its auth domain.
  /// Nothing if kMaxPending tokens are good already.
  Result<std::optional<auth::EnrolmentToken>> invite(const std::string& name, Authority edge,
                                                     std::int64_t now);

  struct Enrolled {
    enum class Why { none, no_such_token, no_room };
    Why why = Why::none;
    ConnectorRow row;  ///< where `why` is none
  };
  /// Takes the token, which is not good any more whatever comes of it, and stores the connector.
  Result<Enrolled> enrol(const Enrolment& asked, std::int64_t now);

  /// Deletes the connector of that id or, if there is none, those of that name, with the name's tokens that
  /// are good. Returns the connectors.
  Result<std::vector<ConnectorRow>> revoke(const std::string& id_or_name, std::int64_t now);

 private:
  struct Token {
    std::string name;        ///< of the connector to come
    std::string revocation;  ///< the mark of the name's latest revocation before it was made
  };
  Result<std::optional<Token>> take(std::string_view secret, std::int64_t now);
  Result<bool> is_void(const Token& token, std::int64_t now);

  ConnectorStore& connectors_;
  PendingStore& pending_;
};

}  // namespace cfpipe::edge
