#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "edge/config/config.h"
#include "edge/connector/registry.h"
#include "edge/http/request.h"
#include "edge/identity/signed_state.h"
#include "edge/identity/tokens.h"
#include "edge/limits/party.h"
#include "edge/limits/row_limits.h"
#include "edge/monitoring/audit_trail.h"
#include "edge/monitoring/metrics.h"
#include "edge/store/store.h"

namespace cfpipe::edge {

/// Unix seconds.
using Now = std::function<std::int64_t()>;

/// Why nothing new is granted while the audit has no room.
inline constexpr const char* kUnrecordable =
    "this edge cannot keep its records at present, and grants nothing new";

/// The person or service token, as the limits count it.
PartyKey party_of(const Identity& identity);

/// What all handlers share: the configuration in force, the store, tokens, audit, counters and clock. Lives
/// on the site's loop and outlives the handlers. A reload replaces `config`; a handler that waits keeps what
/// it needs of the old one itself.
struct EdgeContext {
  /// Reads the signing keys from the store, and makes them at the first start. The store outlives it.
  static Result<std::unique_ptr<EdgeContext>> make(boost::asio::any_io_executor executor, Config config,
                                                   Store& store, Now clock);
  EdgeContext(const EdgeContext&) = delete;
  EdgeContext& operator=(const EdgeContext&) = delete;

  /// Serves by another configuration from now on. auth_domain and state have to be the same.
  void use(Config other);
  /// The public port, if not the one of the configuration.
  void set_public_port(std::uint16_t port);

  std::int64_t now() const { return clock(); }
  /// Of an https URL of that host, with the public port unless it is 443.
  std::string authority(std::string_view host) const;
  std::string auth_authority() const { return authority(config.auth_host); }
  /// True if an event that must be recorded may happen: the audit has room, or the configuration goes on
  /// without.
  bool grants() const { return audit.has_room() || config.audit_continues; }
  /// Appends the row with the time of now. False: the audit did not keep it, and the event must not happen.
  bool record(AuditRow row);
  /// Appends the row unless there were too many of the cause; those are counted. `person` may be empty.
  /// Returns whether it has.
  bool record_limited(RowCause cause, AuditRow row, const PartyKey& person);

  boost::asio::any_io_executor executor;
  Config config;
  std::uint64_t configurations = 0;  ///< that have been in force
  Store& store;
  AuditTrail audit;
  RowLimits rows;  ///< of the audit
  Tokens tokens;
  SignedState signed_state;
  Counters counters;
  Now clock;
  const std::shared_ptr<ConnectorRegistry> connectors = std::make_shared<ConnectorRegistry>();

 private:
  EdgeContext(boost::asio::any_io_executor executor, Config config, Store& store, Tokens tokens,
              SignedState signed_state, Now clock);
};

/// A row of that kind about a request.
AuditRow row_of(std::string_view kind, const Request& request);
/// The answer to a request whose event cannot be recorded.
Answer unrecordable();

}  // namespace cfpipe::edge
