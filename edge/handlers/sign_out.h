#pragma once

#include <boost/asio/awaitable.hpp>
#include <optional>

#include "edge/handlers/applications.h"
#include "edge/handlers/authenticator.h"
#include "edge/handlers/context.h"
#include "edge/handlers/provider_sign_in.h"
#include "edge/handlers/tunnel_authority.h"

namespace cfpipe::edge {

/// Signs people out: at an application, at the auth domain, and at their identity provider.
class SignOut {
 public:
  /// All outlive it.
  SignOut(EdgeContext& context, Authenticator& credentials, ProviderSignIn& providers,
          TunnelAuthority& tunnels)
      : context_(context), credentials_(credentials), providers_(providers), tunnels_(tunnels) {}

  /// At the applications of a host; leads on to the auth domain.
  Answer at_applications(const Request& request, const Place& place);
  /// At the auth domain; leads on to the provider where that is asked.
  boost::asio::awaitable<Answer> at_auth_domain(const Request& request);
  /// Where the provider leads back to.
  Answer signed_out(const Request& request) const;

 private:
  std::optional<Answer> revoke(const Request& request, const Identity& identity);

  EdgeContext& context_;
  Authenticator& credentials_;
  ProviderSignIn& providers_;
  TunnelAuthority& tunnels_;
};

}  // namespace cfpipe::edge
