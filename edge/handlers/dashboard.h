#pragma once

#include <cstddef>

#include "edge/api/call.h"
#include "edge/handlers/applications.h"
#include "edge/handlers/authenticator.h"
#include "edge/handlers/connector_authority.h"
#include "edge/handlers/context.h"
#include "edge/handlers/gate.h"
#include "edge/handlers/tunnel_authority.h"
#include "edge/limits/attempts.h"

namespace cfpipe::edge {

/// Lists of applications that the programs of one person get, a minute.
inline constexpr std::size_t kListsPerMinute = 60;

/// The auth domain's own page, for every person who has signed in, the API that it uses, and the one thing of
/// it that people's programs may ask.
class Dashboard {
 public:
  /// All outlive it.
  Dashboard(EdgeContext& context, const Authenticator& credentials, const Gate& gate,
            TunnelAuthority& tunnels, ConnectorAuthority& connectors)
      : context_(context),
        credentials_(credentials),
        gate_(gate),
        tunnels_(tunnels),
        connectors_(connectors) {}

  /// `own`: the auth domain as something to sign in to.
  Answer page(const Request& request, const Application& own) const;
  /// Ends the tunnels, and the connections of connectors, of what the request has revoked.
  Answer api(const Request& request);
  /// Answers a program that shows the org token of its login: the applications that its person may reach from
  /// there. That is no more than what the token can be exchanged for anyway.
  Answer applications(const Request& request);

 private:
  /// `request` and `identity` outlive it.
  ApiSite site_for(const Request& request, const Identity& identity) const;
  bool is_administrator(const Request& request, const Identity& identity) const;

  EdgeContext& context_;
  const Authenticator& credentials_;
  const Gate& gate_;
  TunnelAuthority& tunnels_;
  ConnectorAuthority& connectors_;
  Attempts lists_{kListsPerMinute};  ///< by person
};

}  // namespace cfpipe::edge
