#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "edge/ca/ssh_ca.h"
#include "edge/config/config.h"
#include "edge/handlers/party_limits.h"
#include "edge/http/request.h"
#include "edge/http/responses.h"
#include "edge/identity/replay_cache.h"
#include "edge/identity/service_tokens.h"
#include "edge/identity/signed_state.h"
#include "edge/identity/tokens.h"
#include "edge/identity/transfer_store.h"
#include "edge/limits/recent_parties.h"
#include "edge/monitoring/audit_trail.h"
#include "edge/monitoring/metrics.h"
#include "edge/oidc/client.h"
#include "edge/policy/app_name.h"
#include "edge/store/store.h"
#include "edge/tunnel/handle.h"
#include "edge/tunnel/registry.h"

namespace cfpipe::edge {

/// Lifetimes in seconds: of a sign-in from the first redirect to the form, of the code that carries its
/// result to the application, of the leave to hand tokens to a program, of the cached metadata.
inline constexpr std::int64_t kLoginSeconds = 15 * 60;
inline constexpr std::int64_t kCodeSeconds = 60;
inline constexpr std::int64_t kCliGrantSeconds = 2 * 60;
inline constexpr std::int64_t kMetadataSeconds = 5 * 60;
/// Hosts of one application whose metadata are kept: of an application of many hosts, strangers choose which.
inline constexpr std::size_t kMaxMetadataHosts = 64;
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
/// What the edge's own pages are below, on every host.
inline constexpr std::string_view kOwnPaths = "/cdn-cgi/";
inline constexpr std::string_view kLogoutPath = "/cdn-cgi/access/logout";
inline constexpr std::string_view kTerminalPath = "/cdn-cgi/access/terminal";

using Now = std::function<std::int64_t()>;

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
  std::uint16_t public_port() const { return config_.public_port; }
  std::string auth_authority() const { return authority(config_.auth_host); }

  const Tally& tally() const { return tally_; }
  /// What keeps the records of this edge.
  AuditTrail& trail() { return trail_; }
  /// Whether what has to be recorded may be granted; where not, trail() says why.
  bool grants() const { return trail_.has_room() || config_.audit_continues; }
  /// Tunnels that were opened and have not ended; `idle` is called whenever the last one has.
  std::size_t open_tunnels() const { return open_tunnels_.size(); }
  void on_idle(std::function<void()> idle) { idle_ = std::move(idle); }
  /// This process ends, and another may serve from the same state already: what only one of them can do is
  /// left to that.
  void drain() {
    transfers_.drain();
    trail_.leave_spool();
  }

  /// Says in the log what is wrong with the identity provider, if anything is.
  boost::asio::awaitable<void> look_at_provider();
  /// Says in the log which CA's agent does not have its key.
  boost::asio::awaitable<void> look_at_agents();
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
  /// Those of one configuration; a reload makes others, and whoever waits with an old one keeps it.
  struct App {
    std::shared_ptr<const ApplicationConfig> config;
    AppName name;
    std::string aud;
    struct Metadata {
      std::string text;
      std::int64_t time = 0;  ///< when it was made
    };
    RecentParties<Metadata> metadata{kMaxMetadataHosts};  ///< by host
  };
  /// Where a request leads at a host of applications.
  struct Place {
    std::vector<std::shared_ptr<App>> apps;  ///< all that have the host, the most specific first
    /// Whose the path is; of the edge's own pages that of the parameter `aud`, else that of `/`. May be null.
    std::shared_ptr<App> app;
    bool ambiguous = false;  ///< null because the path has no one reading
  };
  struct Visitor {
    std::optional<Identity> identity;
    bool by_header = false;  ///< the credentials were sent on purpose, not by a browser of its own accord
    bool shows_service_token = false;  ///< the request has its headers; good or not
    std::string fault;                 ///< why it is not good
  };
  /// Where a person goes back to: path and query on a host of an application.
  struct WayBack {
    std::string_view host;
    std::string_view target = "/";
  };
  /// One of the identity providers; whoever waits for it keeps it.
  struct Provider {
    OidcConfig config;
    std::unique_ptr<Oidc> oidc;
  };
  using Providers = std::vector<std::shared_ptr<Provider>>;
  /// A sign-in under way, as the login page and its form carry it.
  struct Login {
    std::shared_ptr<const App> app;
    std::string host;          ///< of the application, where it began
    std::string session_hash;  ///< of the session cookie that began it
    std::string target;        ///< on the application, safe
    bool exchange = false;     ///< a program shows its org token
  };

  using Apps = std::map<std::string, std::shared_ptr<App>, std::less<>>;

  AccessSite(boost::asio::any_io_executor executor, std::string auth_host, State& state, Tokens tokens,
             Notes notes, Now now, std::chrono::milliseconds poll);
  Result<Apps> apps_of(const Config& config);
  Result<Providers> providers_of(const Config& config) const;
  Result<void> look_for_service_tokens(const Config& config) const;
  std::string authority(std::string_view host) const;
  std::shared_ptr<App> find_app(std::string_view name) const;
  std::shared_ptr<const App> find_app_by_aud(std::string_view aud) const;

  // site_place.cc: which application
  Place place_of(const Request& request) const;
  std::shared_ptr<const App> login_app(std::string_view host, std::string_view target,
                                       std::string_view kid) const;
  static Answer nowhere(const Place& place);
  void add_metadata(const Request& request, App* app, Answer& answer);

  // access_site.cc: routing
  boost::asio::awaitable<Answer> route(const Request& request);
  Answer app_answer(const Request& request, const Place& place);
  bool is_transfer_host(const std::string& host) const;
  boost::asio::awaitable<Answer> auth_domain_answer(const Request& request);
  boost::asio::awaitable<Answer> auth_answer(const Request& request);
  Answer shared_answer(const Request& request, std::string_view path);
  std::variant<TunnelGrant, Answer> grant(const Request& request);
  /// True: the row is kept, or need not be for what it is about to go on.
  bool audit(AuditRow row);
  /// The same for what a peer can cause again and again: left out, and counted, where there were too many.
  void audit_limited(RowCause cause, AuditRow row, const PartyKey& person);
  static Answer unrecordable();

  // site_gate.cc: the application host
  Visitor visitor(const Request& request, const App& app);
  std::optional<Identity> check_app(std::string_view token, const App& app) const;
  std::optional<Identity> check_org(const Request& request) const;
  std::optional<Identity> browser_session(const Request& request) const;
  bool revoked(const Identity& identity) const;
  struct Credentials {
    const std::string& who;
    const std::string& client_id;
    const std::string& session;
    std::int64_t issued;
  };
  bool no_longer_good(const Credentials& shown) const;
  /// Whether the application lets the identity provider of that sign-in vouch for anybody.
  static bool takes(const App& app, const Identity& identity);
  static Verdict judge(const std::string& peer, const App& app, const Identity* identity, Asking asking);
  static Verdict judge(const Request& request, const App& app, const std::optional<Identity>& identity,
                       Asking asking);
  Answer challenge(const Request& request, const App& app) const;
  Answer gate(const Request& request, const App& app);
  Answer front_page(const Request& request, const App& app, const std::optional<Identity>& identity) const;
  Answer turned_away(const Request& request, const App& app, const Visitor& who, const Verdict& verdict);
  /// `back`: what was asked for.
  Answer denied(const Request& request, const App& app, const Identity& identity, const Verdict& verdict,
                const WayBack& back);
  Answer refused_service_token(const Request& request, const App& app, const std::string& fault);
  void add_service_cookie(const Request& request, const App& app, const Identity& identity, Answer& answer);
  /// A row of kind denial, unless there have been too many like it; counted in any case.
  void audit_denial(RowCause cause, const Request& request, const App& app,
                    const std::optional<Identity>& who, const std::string& reason);

  // site_session.cc: the application host's own pages
  Answer authorized(const Request& request);
  Answer cli(const Request& request, const App* app);
  std::map<std::string, Identity> identities_at(const Request& request, const Place& place);
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
  /// Signs out, here and at the provider, and comes back to what was asked for, which asks for a sign-in.
  Link another_user(const WayBack& back) const;
  /// Where such a link leads back to, by its note; empty if that is not one, or too old.
  std::string return_url(std::string_view note) const;

  // site_provider.cc: sign-in at the identity provider
  ProviderSignIn provider_sign_in(const std::string& state, const Provider& provider) const;
  std::shared_ptr<Provider> find_provider(std::string_view name) const;
  /// Those that may vouch for people of the application.
  Providers providers_for(const App& app) const;
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

  // site_cert_sign.cc
  boost::asio::awaitable<Answer> cert_sign(const Request& request);
  /// Signs for them and writes it down. Cause::key_unusable; sign_refused: there is no user it could be for;
  /// too_many_requests; others: not now. `app` outlives the await.
  boost::asio::awaitable<Result<IssuedCertificate>> certify(const Request& request,
                                                            const ApplicationConfig& app,
                                                            const Identity& identity,
                                                            std::string_view key_line);

  // site_tunnels.cc
  Answer wrong_destination(const Request& request, const App& app, const Visitor& who,
                           std::string_view asked);
  Answer too_many_tunnels(const Request& request, const App& app, const Visitor& who,
                          const OpenTunnels::Admission& refused);
  bool takes_row(const TunnelGrant& grant, AuditRow& row);
  std::variant<TunnelGrant, Answer> tunnel_grant(const Request& request, App& app);
  /// To the application's own origin. `host`: that was asked for, which may lead to none: see
  /// leads_nowhere().
  TunnelGrant grant_of(const App& app, const std::string& host,
                       const std::optional<Identity>& identity) const;
  /// Instead of a grant that has no origin.
  Answer leads_nowhere(const Request& request, const App& app, const Visitor& who);
  void end_revoked_tunnels(bool changed_here);
  /// Why the configuration of now would not open it; null: it would.
  const char* turned_out(const OpenTunnels::Tunnel& tunnel) const;
  /// Those of one person, or all.
  void end_tunnels_turned_out(const std::string* email = nullptr);

  // site_dashboard.cc
  Result<std::shared_ptr<App>> dashboard_of(const Config& config);
  bool is_administrator(const Request& request, const Identity& identity) const;
  Answer dashboard(const Request& request) const;
  Answer api(const Request& request);

  // site_terminal.cc
  Answer terminal_page(const Request& request, const App& app, const Identity& identity) const;
  std::variant<TunnelGrant, Answer> terminal_grant(const Request& request, const App& app);

  Config config_;
  std::uint64_t configurations_ = 0;  ///< that there have been
  const std::string auth_host_;       ///< of the configuration, which a reload does not change
  State& state_;
  AuditTrail trail_;
  Tokens tokens_;
  Notes notes_;
  SshCa ssh_ca_;
  ServiceTokens service_tokens_;
  boost::asio::any_io_executor executor_;
  Providers providers_;  ///< of type oidc, in the order of the configuration
  UsedOnce states_;      ///< of sign-ins at them
  SiteLimits limits_;
  Now now_;
  TransferStore transfers_;
  Apps apps_;
  AppIndex app_index_;  ///< of apps_
  Tally tally_;
  OpenTunnels open_tunnels_;
  std::int64_t seen_changes_ = -1;  ///< of the state by others
  std::function<void()> idle_;
  std::shared_ptr<Inside> terminals_;
  std::shared_ptr<const App> dashboard_;
};

}  // namespace cfpipe::edge
