#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "edge/handlers/router.h"

namespace cfpipe::edge {

/// Everything that answers for the edge: the handlers, their shared context, and how they are put together.
class Handlers {
 public:
  /// The store outlives it. `poll`: how long a program's poll for its tokens may wait.
  static Result<std::unique_ptr<Handlers>> make(boost::asio::any_io_executor executor, Config config,
                                                Store& store, Now clock,
                                                std::chrono::milliseconds poll = kTransferPoll);
  Handlers(const Handlers&) = delete;
  Handlers& operator=(const Handlers&) = delete;

  /// Serves by another configuration from now on, or goes on as before if that cannot be had. A sign-in that
  /// is under way at the identity provider starts again. Tunnels that the new policies do not admit end,
  /// unless it says that they stay. auth_domain and state have to be the same.
  Result<void> configure(Config config);
  /// The port by which clients reach this edge, if not the one of the configuration (`dev` on a free port).
  void set_public_port(std::uint16_t port);
  /// This process ends, and another may serve from the same store already: what only one of them can do is
  /// left to that.
  void drain();

  EdgeContext& context() { return *context_; }
  const EdgeContext& context() const { return *context_; }
  Router& router() { return router_; }
  TunnelAuthority& tunnels() { return tunnels_; }
  const TunnelAuthority& tunnels() const { return tunnels_; }
  TerminalAuthority& terminals() { return terminals_; }
  ConnectorAuthority& connectors() { return connectors_; }
  const ProviderSignIn& providers() const { return providers_; }

  /// Logs what is wrong with the identity providers.
  boost::asio::awaitable<void> check_providers() { return providers_.check_providers(); }
  /// Logs which CA's agent does not have its key.
  boost::asio::awaitable<void> check_agents() { return certificates_.check_agents(applications_.all()); }

 private:
  Handlers(std::unique_ptr<EdgeContext> context, std::chrono::milliseconds poll);

  const std::unique_ptr<EdgeContext> context_;
  ApplicationTable applications_;
  SshCa ssh_ca_;
  TransferStore transfers_;
  LoginLinks links_;
  Authenticator credentials_;
  MetadataSigner metadata_;
  CertificateIssuer certificates_;
  Gate gate_;
  TunnelAuthority tunnels_;
  TerminalAuthority terminals_;
  ConnectorAuthority connectors_;
  SignInOutcome outcome_;
  ProviderSignIn providers_;
  SignIn sign_in_;
  SignOut sign_out_;
  AppPages app_pages_;
  Dashboard dashboard_;
  Router router_;
};

}  // namespace cfpipe::edge
