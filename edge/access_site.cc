#include "edge/access_site.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <set>

#include "edge/admin_api.h"
#include "edge/answers.h"
#include "edge/text.h"
#include "transport/reason.h"

namespace cfpipe::edge {
namespace {

constexpr std::string_view kOwnPaths = "/cdn-cgi/";
constexpr std::string_view kAccess = "/cdn-cgi/access/";
constexpr std::string_view kTransferPath = "/transfer/";
/// A year, for this host alone: what else has a name below it is not the edge's to say.
constexpr const char* kStrictTransport = "max-age=31536000";
constexpr const char* kRevoked = "access was revoked";
constexpr const char* kOverTime = "the application's session_limit has been reached";

const char* status_class(int status) {
  static constexpr const char* kClasses[] = {"1xx", "2xx", "3xx", "4xx", "5xx"};
  return kClasses[std::clamp(status / 100, 1, 5) - 1];
}

bool reads(const Request& request) {
  return request.method == "GET" || request.method == "HEAD";
}

}  // namespace

std::optional<std::string> safe_target(std::string_view redirect_url, std::string_view authority) {
  if (redirect_url.empty() || redirect_url.size() > kMaxTargetBytes) return "/";
  for (const char c : redirect_url)
    if (c <= 0x20 || c > 0x7e || c == '\\' || c == '#') return std::nullopt;
  std::string target;
  constexpr std::string_view kScheme = "https://";
  if (same_text(redirect_url.substr(0, kScheme.size()), kScheme)) {
    redirect_url.remove_prefix(kScheme.size());
    const std::size_t end = std::min(redirect_url.find_first_of("/?"), redirect_url.size());
    if (!same_text(redirect_url.substr(0, end), authority)) return std::nullopt;
    redirect_url.remove_prefix(end);
    if (redirect_url.empty() || redirect_url.front() == '?') target = "/";
  }
  target += redirect_url;
  if (target.front() != '/' || target.starts_with("//")) return std::nullopt;
  return target;
}

Result<std::unique_ptr<AccessSite>> AccessSite::make(boost::asio::any_io_executor executor, Config config,
                                                     State& state, Now now, std::chrono::milliseconds poll) {
  auto tokens = Tokens::open(state);
  if (!tokens) return tokens.error();
  auto notes = Notes::open(state);
  if (!notes) return notes.error();
  std::unique_ptr<AccessSite> site(new AccessSite(std::move(executor), state, std::move(*tokens),
                                                  std::move(*notes), std::move(now), poll));
  if (auto configured = site->configure(std::move(config)); !configured) return configured.error();
  return site;
}

Result<AccessSite::Apps> AccessSite::apps_of(const Config& config) {
  Apps apps;
  for (const ApplicationConfig& app : config.applications) {
    auto aud = state_.application_aud(app.hostname);
    if (!aud) return aud.error();
    const auto own = std::make_shared<const ApplicationConfig>(app);
    apps.emplace(app.hostname, std::make_shared<App>(App{own, std::move(*aud), {}, 0}));
    if (!app.certificates || app.certificates->agent) continue;
    if (auto made = ssh_ca_.ensure(app.hostname); !made) return made.error();
  }
  return apps;
}

// All that can fail comes first.
Result<void> AccessSite::configure(Config config) {
  auto apps = apps_of(config);
  if (!apps) return apps.error();
  auto dashboard = dashboard_of(config);
  if (!dashboard) return dashboard.error();
  if (auto checked = look_for_service_tokens(config); !checked) return checked.error();
  const auto groups = groups_named(config);
  const auto claims = claims_named(config);
  std::shared_ptr<Oidc> oidc;
  if (config.identity_provider == IdentityProvider::oidc) {
    auto made = Oidc::make(executor_, config.oidc, {!groups.empty(), claims}, now_);
    if (!made) return made.error();
    oidc = std::move(*made);
  }
  config_ = std::move(config);
  apps_ = std::move(*apps);
  dashboard_ = std::move(*dashboard);
  oidc_ = std::move(oidc);
  tokens_.set_asked(groups, claims);
  open_tunnels_.set_limits(config_.tunnel_limits);
  logins_.set_limit(config_.address_limits.logins);
  set_public_port(config_.public_port);
  return {};
}

/// A policy may name one that is yet to be made: worth a word, no more.
Result<void> AccessSite::look_for_service_tokens(const Config& config) const {
  const auto rows = state_.service_tokens();
  if (!rows) return rows.error();
  std::set<std::string> names;
  for (const ServiceTokenRow& row : *rows) names.insert(row.name);
  for (const ApplicationConfig& app : config.applications)
    for (const Policy& policy : app.policies)
      for (const Rule& rule : policy.include)
        if (rule.kind == Rule::Kind::service_token && !names.contains(rule.value))
          spdlog::warn(
              "policy '{}' of {} names service token {}, which does not exist: see service-token create",
              policy.name, app.hostname, rule.value);
  return {};
}

AccessSite::AccessSite(boost::asio::any_io_executor executor, State& state, Tokens tokens, Notes notes,
                       Now now, std::chrono::milliseconds poll)
    : state_(state),
      tokens_(std::move(tokens)),
      notes_(std::move(notes)),
      ssh_ca_(state),
      service_tokens_(state),
      executor_(std::move(executor)),
      now_(std::move(now)),
      transfers_(executor_, state, poll, now_) {}

void AccessSite::set_public_port(std::uint16_t port) {
  config_.public_port = port;
  tokens_.set_issuer("https://" + auth_authority());
  for (auto& [host, app] : apps_) app->metadata_time = 0;
}

std::string AccessSite::authority(std::string_view host) const {
  std::string out(host);
  if (config_.public_port != kHttpsPort) out += ":" + std::to_string(config_.public_port);
  return out;
}

std::shared_ptr<AccessSite::App> AccessSite::find_app(std::string_view host) const {
  const auto found = apps_.find(host);
  return found == apps_.end() ? nullptr : found->second;
}

std::shared_ptr<const AccessSite::App> AccessSite::find_app_by_aud(std::string_view aud) const {
  for (const auto& [host, app] : apps_)
    if (app->aud == aud) return app;
  return dashboard_->aud == aud ? dashboard_ : nullptr;
}

boost::asio::awaitable<Answer> AccessSite::handle(const Request& request) {
  Answer answer = co_await route(request);
  // dev's certificate is not one that a browser should insist on.
  if (config_.identity_provider != IdentityProvider::dev)
    answer.headers.emplace_back("Strict-Transport-Security", kStrictTransport);
  tally_.add(Count::requests, status_class(answer.status));
  co_return answer;
}

boost::asio::awaitable<Answer> AccessSite::route(const Request& request) {
  if (const auto app = find_app(request.host)) {
    Answer answer = app_answer(request, *app);
    add_metadata(request, *app, answer);
    co_return answer;
  }
  if (request.host != config_.auth_host) co_return text_answer(421, "this edge does not serve that host");
  if (!request.path.starts_with(kTransferPath)) co_return co_await auth_answer(request);
  if (request.method != "GET") co_return method_not_allowed("GET");
  // The padding may arrive percent-encoded.
  std::string receiver =
      percent_decode(std::string_view(request.path).substr(kTransferPath.size())).value_or(std::string());
  if (!TransferStore::valid_key(receiver)) co_return text_answer(404, "not found");
  co_return co_await transfers_.poll(std::move(receiver));
}

Answer AccessSite::shared_answer(const Request& request, std::string_view path) {
  if (path == "certs") {
    Answer answer = json_answer(200, {});
    answer.body = tokens_.certs();
    return answer;
  }
  return asset_answer(request, path);
}

Answer AccessSite::app_answer(const Request& request, const App& app) {
  if (!request.path.starts_with(kOwnPaths)) return gate(request, app);
  if (!request.path.starts_with(kAccess)) return text_answer(404, "not found");
  if (!reads(request)) return method_not_allowed("GET, HEAD");
  const std::string_view path = std::string_view(request.path).substr(kAccess.size());
  if (path == "authorized") return authorized(request, app);
  if (path == "cli") return cli(request, app);
  if (path == "logout") return app_logout();
  if (path == "get-identity") return identity_answer(visitor(request, app).identity);
  return shared_answer(request, path);
}

boost::asio::awaitable<Answer> AccessSite::auth_answer(const Request& request) {
  if (request.path == "/") co_return dashboard(request);
  if (request.path.starts_with(kApiPath)) co_return api(request);
  if (!request.path.starts_with(kAccess)) co_return text_answer(404, "not found");
  const std::string_view path = std::string_view(request.path).substr(kAccess.size());
  if (path == "cert_sign") {
    if (request.method != "POST") co_return method_not_allowed("POST");
    co_return co_await cert_sign(request);
  }
  if (path == "callback") {
    Answer answer = co_await callback(request);
    co_return counted(request, std::move(answer));
  }
  if (!reads(request)) co_return method_not_allowed("GET, HEAD");
  if (path.starts_with("login/")) co_return co_await login(request);
  if (path == "logout") co_return co_await auth_logout(request);
  if (path == "signed-out") co_return signed_out();
  if (path == "get-identity") co_return identity_answer(check_org(request));
  co_return shared_answer(request, path);
}

/// Signing costs a millisecond and anybody may ask, so one answer serves for minutes.
void AccessSite::add_metadata(const Request& request, App& app, Answer& answer) {
  if (!same_text(request.header("Cf-Access-Metadata-Request"), "true")) return;
  const std::int64_t now = now_();
  if (app.metadata_time > now || app.metadata_time + kMetadataSeconds <= now) {
    app.metadata = tokens_.metadata(app.config->hostname, auth_authority(), app.aud, now);
    app.metadata_time = now;
  }
  answer.headers.emplace_back("Cf-Access-Metadata", app.metadata);
}

Answer AccessSite::wrong_destination(const App& app) {
  const std::string reason = app.config->destinations.empty()
                                 ? app.config->hostname + " has one origin"
                                 : app.config->hostname + " does not lead to that destination";
  Answer answer = text_answer(403, reason);
  answer.headers.emplace_back(transport::kReasonHeader, reason);
  return answer;
}

std::variant<TunnelGrant, Answer> AccessSite::upgrade(const Request& request) {
  auto out = grant(request);
  const auto* refused = std::get_if<Answer>(&out);
  tally_.add(Count::requests, status_class(refused != nullptr ? refused->status : 101));
  return out;
}

std::variant<TunnelGrant, Answer> AccessSite::grant(const Request& request) {
  const auto app = find_app(request.host);
  if (app == nullptr) {
    return request.host == config_.auth_host ? text_answer(404, "not found")
                                             : text_answer(421, "this edge does not serve that host");
  }
  if (request.path == kTerminalPath && app->config->browser_terminal && terminals_)
    return terminal_grant(request, *app);
  if (request.path.starts_with(kOwnPaths)) return text_answer(404, "not found");
  const Visitor who = visitor(request, *app);
  const Verdict verdict = judge(request, *app, who.identity, Asking::to_pass);
  if (!verdict.passes()) {
    Answer answer = turned_away(request, *app, who, verdict);
    add_metadata(request, *app, answer);
    return answer;
  }
  // Any page can make a browser open WebSockets, with its cookies and from its address; only our own may.
  const std::string_view origin = request.header("Origin");
  if (!who.by_header && !origin.empty() && !same_text(origin, "https://" + authority(app->config->hostname)))
    return text_answer(403, "this page may not open a tunnel");
  const std::string_view asked = request.header("Cf-Access-Jump-Destination");
  const auto destination = find_destination(app->config->destinations, asked);
  if (!asked.empty() && !destination) return wrong_destination(*app);
  const std::string name = who.identity ? who.identity->name() : std::string();
  if (const std::string reason = open_tunnels_.too_many(name, request.peer); !reason.empty())
    return too_many_tunnels(request, *app, name, reason);
  TunnelGrant grant = grant_of(*app->config, who.identity);
  if (destination) {
    grant.origin_host = destination->host;
    grant.origin_port = destination->port;
    grant.origin_path.clear();
    grant.proxy_protocol = false;
    grant.destination = destination->host + ":" + std::to_string(destination->port);
  }
  return grant;
}

TunnelGrant AccessSite::grant_of(const ApplicationConfig& app, const std::optional<Identity>& identity) {
  TunnelGrant grant;
  grant.session_limit = app.session_limit;
  grant.idle_limit = app.idle_limit;
  grant.app_hostname = app.hostname;
  grant.origin_host = app.origin_host;
  grant.origin_port = app.origin_port;
  grant.origin_path = app.origin_path;
  grant.proxy_protocol = app.proxy_protocol;
  if (identity) {
    grant.identity = identity->name();
    grant.client_id = identity->client_id;
    grant.session = identity->nonce;
    grant.issued = identity->issued;
    grant.expires = identity->expires;
  }
  return grant;
}

Answer AccessSite::too_many_tunnels(const Request& request, const App& app, const std::string& who,
                                    const std::string& reason) {
  audit_denial(over_limits_, request, app, who, reason);
  Answer answer = text_answer(429, reason);
  answer.headers.emplace_back(transport::kReasonHeader, transport::printable(reason));
  return answer;
}

void AccessSite::audit(AuditRow row) {
  row.time = now_();
  spdlog::info("audit kind={} identity={} application={} peer={} ray={} reason={}", row.kind, row.identity,
               row.application, row.peer, row.ray, row.reason);
  append(row);
}

std::optional<std::int64_t> AccessSite::append(const AuditRow& row) {
  const auto added = state_.append_audit(row);
  if (added) return *added;
  spdlog::error("audit: {}", added.error().detail);
  tally_.add(Count::unrecorded, {});
  return std::nullopt;
}

std::int64_t AccessSite::opened(const TunnelGrant& grant, const Request& request,
                                std::shared_ptr<TunnelEnd> end) {
  AuditRow row;
  row.time = now_();
  row.kind = "tunnel_open";
  row.identity = grant.identity;
  row.application = grant.app_hostname;
  row.peer = request.peer;
  row.ray = request.ray;
  if (!grant.destination.empty()) row.reason = "to " + grant.destination;
  if (grant.terminal) row.reason = "a terminal in the browser";
  const auto added = append(row);
  const std::int64_t id = added ? *added : --unrecorded_;
  tally_.add(Count::tunnels_opened, row.application);
  const bool late = !grant.identity.empty() &&
                    no_longer_good({grant.identity, grant.client_id, grant.session, grant.issued});
  if (late) end->dismiss(kRevoked);
  // Many may have been granted while there was room, and dialled meanwhile.
  if (const std::string reason = open_tunnels_.too_many(row.identity, row.peer); !reason.empty())
    end->dismiss(reason);
  const std::int64_t limit = grant.session_limit.count();
  open_tunnels_.add(id, {row, grant.client_id, grant.session, grant.issued, grant.terminal != nullptr,
                         limit > 0 ? row.time + limit : 0, std::move(end)});
  spdlog::info("audit kind=tunnel_open id={} identity={} application={} peer={} ray={}", id, row.identity,
               row.application, row.peer, row.ray);
  return id;
}

/// A state that cannot say ends nobody's tunnel, nor does the end of a token's time.
bool AccessSite::no_longer_good(const Credentials& shown) const {
  if (shown.client_id.empty()) {
    const auto until = state_.revoked_until(shown.who);
    if (until && shown.issued <= *until) return true;
    const auto ended = state_.session_revoked(shown.session);
    return ended && *ended;
  }
  const auto row = state_.service_token(shown.client_id);
  return row && !*row;
}

void AccessSite::end_tunnels_that_must() {
  end_revoked_tunnels(false);
  const std::int64_t now = now_();
  open_tunnels_.for_each([now](std::int64_t, const OpenTunnels::Tunnel& tunnel) {
    if (tunnel.until > 0 && tunnel.until <= now) tunnel.end->dismiss(kOverTime);
  });
}

// A revocation is a change of the state, by another process or by the dashboard.
void AccessSite::end_revoked_tunnels(bool changed_here) {
  const auto changes = state_.others_changes();
  if (changes && *changes == seen_changes_ && !changed_here) return;
  if (!changes) spdlog::error("state: {}", changes.error().detail);
  if (changes) seen_changes_ = *changes;
  open_tunnels_.for_each([this](std::int64_t, const OpenTunnels::Tunnel& tunnel) {
    if (!tunnel.row.identity.empty() &&
        no_longer_good({tunnel.row.identity, tunnel.client_id, tunnel.session, tunnel.issued}))
      tunnel.end->dismiss(kRevoked);
  });
}

void AccessSite::closed(std::int64_t id, std::uint64_t up_bytes, std::uint64_t down_bytes,
                        std::string_view reason) {
  AuditRow row = open_tunnels_.remove(id).value_or(AuditRow());
  row.time = now_();
  row.kind = "tunnel_close";
  row.tunnel = id;
  row.up_bytes = up_bytes;
  row.down_bytes = down_bytes;
  row.reason = transport::printable(reason);
  spdlog::info(
      "audit kind=tunnel_close id={} identity={} application={} up_bytes={} down_bytes={} reason=\"{}\"", id,
      row.identity, row.application, up_bytes, down_bytes, row.reason);
  append(row);
  tally_.add(Count::tunnels_closed, row.application);
  tally_.add(Count::up_bytes, row.application, up_bytes);
  tally_.add(Count::down_bytes, row.application, down_bytes);
  if (open_tunnels_.empty() && idle_) idle_();
}

}  // namespace cfpipe::edge
