#pragma once

#include "edge/handlers/applications.h"
#include "edge/handlers/authenticator.h"
#include "edge/handlers/context.h"
#include "edge/handlers/gate.h"
#include "edge/handlers/tunnel_authority.h"

namespace cfpipe::edge {

/// The auth domain's own page, for every person who has signed in, and the API that it uses.
class Dashboard {
 public:
  /// All outlive it.
  Dashboard(EdgeContext& context, const Authenticator& credentials, const Gate& gate,
            TunnelAuthority& tunnels)
      : context_(context), credentials_(credentials), gate_(gate), tunnels_(tunnels) {}

  /// `own`: the auth domain as something to sign in to.
  Answer page(const Request& request, const Application& own) const;
  /// Ends the tunnels of what the request has revoked.
  Answer api(const Request& request);

 private:
  bool is_administrator(const Request& request, const Identity& identity) const;

  EdgeContext& context_;
  const Authenticator& credentials_;
  const Gate& gate_;
  TunnelAuthority& tunnels_;
};

}  // namespace cfpipe::edge
