#pragma once

#include <boost/asio/awaitable.hpp>
#include <string>
#include <string_view>
#include <variant>

#include "edge/handlers/app_pages.h"
#include "edge/handlers/applications.h"
#include "edge/handlers/authenticator.h"
#include "edge/handlers/certificate_issuer.h"
#include "edge/handlers/connector_authority.h"
#include "edge/handlers/context.h"
#include "edge/handlers/dashboard.h"
#include "edge/handlers/gate.h"
#include "edge/handlers/metadata_signer.h"
#include "edge/handlers/sign_in.h"
#include "edge/handlers/sign_out.h"
#include "edge/handlers/terminal_authority.h"
#include "edge/handlers/tunnel_authority.h"
#include "edge/http/request_handler.h"
#include "edge/identity/transfer_store.h"

namespace cfpipe::edge {

/// The handlers that a Router leads to. All outlive it. `applications` changes with a reload.
struct Routes {
  const ApplicationTable& applications;
  Authenticator& credentials;
  MetadataSigner& metadata;
  Gate& gate;
  AppPages& app_pages;
  SignIn& sign_in;
  SignOut& sign_out;
  Dashboard& dashboard;
  CertificateIssuer& certificates;
  TunnelAuthority& tunnels;
  TerminalAuthority& terminals;
  ConnectorAuthority& connectors;
  TransferStore& transfers;
};

/// Leads each request to its handler, by host and path, and counts the answers.
class Router final : public RequestHandler {
 public:
  Router(EdgeContext& context, const Routes& routes)
      : context_(context), to_(routes), auth_host_(context.config.auth_host) {}

  boost::asio::awaitable<Answer> handle(const Request& request) override;
  bool reads_body(const Request& request) const override;
  std::variant<TunnelGrant, Answer> upgrade(const Request& request) override;
  std::variant<AttachGrant, Answer> attach(const Request& request) override;

 private:
  boost::asio::awaitable<Answer> route(const Request& request);
  Answer app_answer(const Request& request, const Place& place);
  bool is_transfer_host(const std::string& host) const;
  boost::asio::awaitable<Answer> auth_domain_answer(const Request& request);
  boost::asio::awaitable<Answer> auth_answer(const Request& request);
  Answer shared_answer(const Request& request, std::string_view path);
  std::variant<TunnelGrant, Answer> grant(const Request& request);
  std::variant<AttachGrant, Answer> grant_attachment(const Request& request);

  EdgeContext& context_;
  const Routes to_;
  const std::string auth_host_;  ///< of the configuration, which a reload does not change
};

}  // namespace cfpipe::edge
