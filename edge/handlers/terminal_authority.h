#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "edge/handlers/certificate_issuer.h"
#include "edge/handlers/tunnel_authority.h"
#include "edge/http/request.h"
#include "edge/listener/terminal_backend.h"

namespace cfpipe::edge {

inline constexpr std::string_view kTerminalPath = "/cdn-cgi/access/terminal";

/// Grants terminals in the browser, and gives them what they need: certificates and host keys.
class TerminalAuthority final : public TerminalBackend {
 public:
  /// All outlive it. `applications` changes with a reload.
  TerminalAuthority(EdgeContext& context, const ApplicationTable& applications, Authenticator& credentials,
                    Gate& gate, TunnelAuthority& tunnels, CertificateIssuer& certificates, SshCa& ssh_ca)
      : context_(context),
        applications_(applications),
        credentials_(credentials),
        gate_(gate),
        tunnels_(tunnels),
        certificates_(certificates),
        ssh_ca_(ssh_ca) {}

  /// Where terminals are opened; null: there are none. Outlives every grant.
  void use(std::shared_ptr<TunnelTarget> terminals) { terminals_ = std::move(terminals); }
  bool serves(const Application& app) const { return app.config->browser_terminal && terminals_ != nullptr; }
  /// Leave to open a terminal at the application's origin, or the answer that says why not.
  std::variant<TunnelGrant, Answer> grant(const Request& request, const Application& app);

  boost::asio::awaitable<Result<std::string>> certify(const TunnelGrant& grant, const Request& request,
                                                      std::string key_line) override;
  Result<std::string> known_host_key(const TunnelGrant& grant) override;
  Result<void> trust_host_key(const TunnelGrant& grant, const Request& request,
                              const std::string& key_line) override;
  void files_closed(const TunnelGrant& grant, const Request& request, const FilesUse& use) override;

 private:
  EdgeContext& context_;
  const ApplicationTable& applications_;
  Authenticator& credentials_;
  Gate& gate_;
  TunnelAuthority& tunnels_;
  CertificateIssuer& certificates_;
  SshCa& ssh_ca_;
  std::shared_ptr<TunnelTarget> terminals_;
};

}  // namespace cfpipe::edge
