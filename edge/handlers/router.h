#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "edge/config/config.h"
#include "edge/handlers/applications.h"
#include "edge/handlers/authenticator.h"
#include "edge/handlers/certificate_issuer.h"
#include "edge/handlers/context.h"
#include "edge/handlers/decision.h"
#include "edge/handlers/metadata_signer.h"
#include "edge/handlers/return_link.h"
#include "edge/http/request.h"
#include "edge/http/responses.h"
#include "edge/identity/replay_cache.h"
#include "edge/identity/transfer_store.h"
#include "edge/limits/attempts.h"
#include "edge/limits/outstanding.h"
#include "edge/oidc/client.h"
#include "edge/store/store.h"
#include "edge/tunnel/handle.h"
#include "edge/tunnel/registry.h"

namespace cfpipe::edge {

/// Lifetimes in seconds: of a sign-in from the first redirect to the form, of the code that carries its
/// result to the application, of the leave to hand tokens to a program.
inline constexpr std::int64_t kLoginSeconds = 15 * 60;
inline constexpr std::int64_t kCodeSeconds = 60;
inline constexpr std::int64_t kCliGrantSeconds = 2 * 60;
/// Longest redirect_url that is taken, in bytes; longer ones lead to the application's front page.
inline constexpr std::size_t kMaxTargetBytes = 4 * 1024;
/// How long a revocation by another process may go unnoticed by the tunnels that are open.
inline constexpr std::chrono::milliseconds kRevocationPoll{1'000};
/// The provider's ID token, which says to it who signs out. Sent along to that page alone.
inline constexpr std::string_view kIdTokenCookie = "__Secure-cfpipe-id-token";
/// Where providers lead back to; one of several has its name behind a `/`. Forms of ours go there, too.
inline constexpr std::string_view kCallbackPath = "/cdn-cgi/access/callback";
/// On a link to the login: the identity provider that was chosen.
inline constexpr std::string_view kProviderParameter = "idp";
/// Codes of one person that wait for the application to take them, of kMaxPending.
inline constexpr std::size_t kMaxCodesOfPerson = 32;
inline constexpr std::string_view kTerminalPath = "/cdn-cgi/access/terminal";

/// Where a redirect_url leads on the application, as path and query; nothing unless it is a path, or an https
/// URL of exactly this authority.
std::optional<std::string> safe_target(std::string_view redirect_url, std::string_view authority);

/// The edge's answers: the gate in front of the applications, sign-in, tokens, certificates.
class AccessSite final : public Site {
 public:
  static Result<std::unique_ptr<AccessSite>> make(boost::asio::any_io_executor executor, Config config,
                                                  State& state, Now now,
                                                  std::chrono::milliseconds poll = kTransferPoll);

  /// Serves by another configuration from now on, or goes on as before if that cannot be had. Who is being
  /// signed in at the identity provider starts again. Tunnels that the new policies do not admit end, unless
  /// it says that they stay. auth_domain and state have to be the same.
  Result<void> configure(Config config);

  /// Where the world reaches this edge, if not where the configuration says (`dev` on a free port).
  void set_public_port(std::uint16_t port);
  std::uint16_t public_port() const { return context_.config.public_port; }
  std::string auth_authority() const { return context_.auth_authority(); }

  const Tally& tally() const { return context_.counters; }
  /// What keeps the records of this edge.
  AuditTrail& trail() { return context_.audit; }
  /// Whether what has to be recorded may be granted; where not, trail() says why.
  bool grants() const { return context_.grants(); }
  /// Tunnels that were opened and have not ended; `idle` is called whenever the last one has.
  std::size_t open_tunnels() const { return open_tunnels_.size(); }
  void on_idle(std::function<void()> idle) { idle_ = std::move(idle); }
  /// This process ends, and another may serve from the same state already: what only one of them can do is
  /// left to that.
  void drain() {
    transfers_.drain();
    context_.audit.leave_spool();
  }

  /// Says in the log what is wrong with the identity provider, if anything is.
  boost::asio::awaitable<void> look_at_provider();
  /// Says in the log which CA's agent does not have its key.
  boost::asio::awaitable<void> look_at_agents() { return certificates_.check_agents(applications_.all()); }
  /// Ends the tunnels of those whose access has been revoked, if anything has changed since the last call,
  /// and those whose time is up.
  void end_tunnels_that_must();

  /// Where terminals in the browser are opened; null: there are none. Outlives every grant.
  void use_terminals(std::shared_ptr<Inside> terminals) { terminals_ = std::move(terminals); }

  boost::asio::awaitable<Answer> handle(const Request& request) override;
  bool reads_body(const Request& request) const override;
  std::variant<TunnelGrant, Answer> upgrade(const Request& request) override;
  std::int64_t opened(const TunnelGrant& grant, const Request& request,
                      std::shared_ptr<TunnelEnd> end) override;
  void closed(std::int64_t id, std::uint64_t up_bytes, std::uint64_t down_bytes,
              std::string_view reason) override;
  boost::asio::awaitable<Result<std::string>> certify_terminal(const TunnelGrant& grant,
                                                               const Request& request,
                                                               std::string key_line) override;
  Result<std::string> known_host_key(const TunnelGrant& grant) override;
  Result<void> believe_host_key(const TunnelGrant& grant, const Request& request,
                                const std::string& key_line) override;

 private:
  /// One of the identity providers; whoever waits for it keeps it.
  struct Provider {
    OidcConfig config;
    std::unique_ptr<Oidc> oidc;
  };
  using Providers = std::vector<std::shared_ptr<Provider>>;
  /// A sign-in under way, as the login page and its form carry it.
  struct Login {
    std::shared_ptr<const Application> app;
    std::string host;          ///< of the application, where it began
    std::string session_hash;  ///< of the session cookie that began it
    std::string target;        ///< on the application, safe
    bool exchange = false;     ///< a program shows its org token
  };

  AccessSite(std::unique_ptr<EdgeContext> context, std::chrono::milliseconds poll);
  Result<Providers> providers_of(const Config& config) const;
  Result<void> look_for_service_tokens(const Config& config) const;

  // access_site.cc: routing
  boost::asio::awaitable<Answer> route(const Request& request);
  Answer app_answer(const Request& request, const Place& place);
  bool is_transfer_host(const std::string& host) const;
  boost::asio::awaitable<Answer> auth_domain_answer(const Request& request);
  boost::asio::awaitable<Answer> auth_answer(const Request& request);
  Answer shared_answer(const Request& request, std::string_view path);
  std::variant<TunnelGrant, Answer> grant(const Request& request);

  // site_gate.cc: the application host
  Answer challenge(const Request& request, const Application& app) const;
  Answer gate(const Request& request, const Application& app);
  Answer front_page(const Request& request, const Application& app,
                    const std::optional<Identity>& identity) const;
  Answer turned_away(const Request& request, const Application& app, const Visitor& who,
                     const Verdict& verdict);
  /// `back`: what was asked for.
  Answer denied(const Request& request, const Application& app, const Identity& identity,
                const Verdict& verdict, const WayBack& back);
  Answer refused_service_token(const Request& request, const Application& app, const std::string& fault);
  void add_service_cookie(const Request& request, const Application& app, const Identity& identity,
                          Answer& answer);

  // site_session.cc: the application host's own pages
  Answer authorized(const Request& request);
  Answer cli(const Request& request, const Application* app);
  Answer identity_answer(const std::optional<Identity>& identity) const;

  // site_login.cc: the auth domain
  boost::asio::awaitable<Answer> login(const Request& request);
  boost::asio::awaitable<Answer> begin_sign_in(const Request& request, Login login);
  boost::asio::awaitable<Answer> callback(const Request& request);
  Answer dev_sign_in(const Request& request, const Login& login, std::string_view typed);
  std::optional<Answer> too_many_logins(const Request& request);
  Answer counted(const Request& request, Answer answer);
  Answer sign_in_page(const Request& request, const Login& login, std::string_view error) const;
  Answer confirm_page(const Request& request, const Login& login, const Identity& identity) const;
  std::string consent(const Login& login) const;
  Answer denied_sign_in(const Request& request, const Login& login, const Identity& identity,
                        const Verdict& verdict);
  Answer declined(const Request& request, const Login& login, const Identity& identity);
  void tell_program(const std::string& target, const Identity& identity,
                    const auth::TransferRefusal& refusal);
  Answer finish_login(const Login& login, const Identity& identity, bool asked);
  /// False: it cannot be recorded, and does not begin.
  bool start_session(const Request& request, const Login& login, Identity& identity);
  void set_session(const Identity& identity, Answer& answer) const;
  std::string form_state(const Request& request, const Login& login, Answer& answer) const;

  // site_sign_out.cc
  Answer app_logout(const Request& request, const Place& place);
  boost::asio::awaitable<Answer> auth_logout(const Request& request);
  std::optional<Answer> sign_out(const Request& request, const Identity& identity);
  Answer signed_out(const Request& request) const;

  // site_provider.cc: sign-in at the identity provider
  ProviderSignIn provider_sign_in(const std::string& state, const Provider& provider) const;
  std::shared_ptr<Provider> find_provider(std::string_view name) const;
  /// Those that may vouch for people of the application.
  Providers providers_for(const Application& app) const;
  Answer choice_page(const Request& request, const Login& login, const Providers& providers) const;
  boost::asio::awaitable<Answer> go_to_provider(const Request& request, Login login,
                                                std::shared_ptr<Provider> provider);
  boost::asio::awaitable<Answer> back_from_provider(const Request& request);
  boost::asio::awaitable<Answer> redeem(const Request& request, Login login, std::string state,
                                        std::shared_ptr<Provider> provider);
  Answer signed_in(const Request& request, const Login& login, const Person& person,
                   const OidcConfig& provider);
  boost::asio::awaitable<std::optional<std::string>> provider_sign_out(const Request& request,
                                                                       std::optional<Identity> identity);
  Answer not_signed_in(const Request& request, const Login& login, const transport::Failure& failure);

  // site_tunnels.cc
  Answer wrong_destination(const Request& request, const Application& app, const Visitor& who,
                           std::string_view asked);
  Answer too_many_tunnels(const Request& request, const Application& app, const Visitor& who,
                          const OpenTunnels::Admission& refused);
  bool takes_row(const TunnelGrant& grant, AuditRow& row);
  std::variant<TunnelGrant, Answer> tunnel_grant(const Request& request, Application& app);
  /// To the application's own origin. `host`: that was asked for, which may lead to none: see
  /// leads_nowhere().
  TunnelGrant grant_of(const Application& app, const std::string& host,
                       const std::optional<Identity>& identity) const;
  /// Instead of a grant that has no origin.
  Answer leads_nowhere(const Request& request, const Application& app, const Visitor& who);
  void end_revoked_tunnels(bool changed_here);
  /// Why the configuration of now would not open it; null: it would.
  const char* turned_out(const OpenTunnels::Tunnel& tunnel) const;
  /// Those of one person, or all.
  void end_tunnels_turned_out(const std::string* email = nullptr);

  // site_dashboard.cc
  bool is_administrator(const Request& request, const Identity& identity) const;
  Answer dashboard(const Request& request) const;
  Answer api(const Request& request);

  // site_terminal.cc
  Answer terminal_page(const Request& request, const Application& app, const Identity& identity) const;
  std::variant<TunnelGrant, Answer> terminal_grant(const Request& request, const Application& app);

  const std::unique_ptr<EdgeContext> own_context_;
  EdgeContext& context_;
  const std::string auth_host_;  ///< of the configuration, which a reload does not change
  SshCa ssh_ca_;
  Authenticator credentials_;
  MetadataSigner metadata_;
  CertificateIssuer certificates_;
  ApplicationTable applications_;
  Providers providers_;         ///< of type oidc, in the order of the configuration
  UsedOnce states_;             ///< of sign-ins at them
  Attempts login_attempts_{0};  ///< begun and failed, by address
  Outstanding codes_{kMaxCodesOfPerson, static_cast<std::size_t>(kMaxPending)};
  TransferStore transfers_;
  OpenTunnels open_tunnels_;
  std::int64_t seen_changes_ = -1;  ///< of the state by others
  std::function<void()> idle_;
  std::shared_ptr<Inside> terminals_;
};

}  // namespace cfpipe::edge
