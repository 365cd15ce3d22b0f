#include "edge/handlers/router.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <set>

#include "base/access_headers.h"
#include "base/text.h"
#include "edge/api/api.h"
#include "edge/http/responses.h"

namespace cfpipe::edge {
namespace {

constexpr std::string_view kAccess = "/cdn-cgi/access/";
constexpr std::string_view kTransferPath = "/transfer/";
constexpr const char* kNotServedHere = "this edge does not serve that host";
/// A year, for this host alone: what else has a name below it is not the edge's to say.
constexpr const char* kStrictTransport = "max-age=31536000";

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
  auto context = EdgeContext::make(std::move(executor), config, state, std::move(now));
  if (!context) return context.error();
  std::unique_ptr<AccessSite> site(new AccessSite(std::move(*context), poll));
  if (auto configured = site->configure(std::move(config)); !configured) return configured.error();
  return site;
}

AccessSite::AccessSite(std::unique_ptr<EdgeContext> context, std::chrono::milliseconds poll)
    : own_context_(std::move(context)),
      context_(*own_context_),
      auth_host_(context_.config.auth_host),
      ssh_ca_(context_.store),
      credentials_(context_),
      metadata_(context_, ssh_ca_),
      certificates_(context_, ssh_ca_),
      transfers_(context_.executor, context_.store, poll, context_.clock) {}

// All that can fail comes first.
Result<void> AccessSite::configure(Config config) {
  auto applications = ApplicationTable::make(config, context_.store, ssh_ca_);
  if (!applications) return applications.error();
  if (auto checked = look_for_service_tokens(config); !checked) return checked.error();
  auto providers = providers_of(config);
  if (!providers) return providers.error();
  context_.use(std::move(config));
  applications_ = std::move(*applications);
  providers_ = std::move(*providers);
  open_tunnels_.set_limits(context_.config.tunnel_limits);
  login_attempts_.set_limit(context_.config.address_limits.logins);
  certificates_.set_limit(context_.config.certificates_per_user);
  end_tunnels_turned_out();
  return {};
}

void AccessSite::set_public_port(std::uint16_t port) {
  context_.set_public_port(port);
  applications_.forget_metadata();
}

Result<AccessSite::Providers> AccessSite::providers_of(const Config& config) const {
  Providers out;
  if (config.identity_provider != IdentityProvider::oidc) return out;
  const WantedClaims wanted{!groups_named(config).empty(), claims_named(config)};
  for (const OidcConfig& one : config.providers) {
    auto made = Oidc::make(context_.executor, one, wanted, context_.clock);
    if (!made) return made.error();
    out.push_back(std::make_shared<Provider>(Provider{one, std::move(*made)}));
  }
  return out;
}

/// A policy may name one that is yet to be made: worth a word, no more.
Result<void> AccessSite::look_for_service_tokens(const Config& config) const {
  const auto rows = context_.store.service_tokens();
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

/// Certificates, forms and the API, all at the auth domain.
bool AccessSite::reads_body(const Request& request) const {
  if (request.host != auth_host_ || reads(request)) return false;
  if (request.path.starts_with(kApiPath)) return true;
  return request.method == "POST" && (request.path == kCertSignPath || request.path == kCallbackPath);
}

boost::asio::awaitable<Answer> AccessSite::handle(const Request& request) {
  Answer answer = co_await route(request);
  // dev's certificate is not one that a browser should insist on.
  if (context_.config.identity_provider != IdentityProvider::dev)
    answer.headers.emplace_back("Strict-Transport-Security", kStrictTransport);
  context_.counters.add(Count::requests, status_class(answer.status));
  co_return answer;
}

bool AccessSite::is_transfer_host(const std::string& host) const {
  const auto& hosts = context_.config.transfer_hosts;
  return std::find(hosts.begin(), hosts.end(), host) != hosts.end();
}

boost::asio::awaitable<Answer> AccessSite::route(const Request& request) {
  // First: an application of all hosts below one may cover this one too.
  if (request.host == context_.config.auth_host || is_transfer_host(request.host))
    co_return co_await auth_domain_answer(request);
  const Place place = applications_.place_of(request);
  if (place.apps.empty()) co_return text_answer(421, kNotServedHere);
  Answer answer = app_answer(request, place);
  metadata_.add(request, place.app.get(), answer);
  co_return answer;
}

boost::asio::awaitable<Answer> AccessSite::auth_domain_answer(const Request& request) {
  if (!request.path.starts_with(kTransferPath)) {
    if (request.host != context_.config.auth_host) co_return text_answer(404, "not found");
    co_return co_await auth_answer(request);
  }
  if (request.method != "GET") co_return method_not_allowed("GET");
  // The padding may arrive percent-encoded.
  std::string receiver =
      percent_decode(std::string_view(request.path).substr(kTransferPath.size())).value_or(std::string());
  if (!TransferStore::valid_key(receiver)) co_return text_answer(404, "not found");
  Answer polled = co_await transfers_.poll(std::move(receiver), request.peer);
  if (polled.status == 429) context_.counters.add(Count::limited, "polls");
  co_return polled;
}

Answer AccessSite::shared_answer(const Request& request, std::string_view path) {
  if (path == "certs") {
    Answer answer = json_answer(200, {});
    answer.body = context_.tokens.certs();
    return answer;
  }
  return asset_answer(request, path);
}

Answer AccessSite::app_answer(const Request& request, const Place& place) {
  if (!request.path.starts_with(kOwnPaths)) return place.app ? gate(request, *place.app) : nowhere(place);
  if (!request.path.starts_with(kAccess)) return text_answer(404, "not found");
  if (!reads(request)) return method_not_allowed("GET, HEAD");
  const std::string_view path = std::string_view(request.path).substr(kAccess.size());
  if (path == "authorized") return authorized(request);
  if (path == "cli") return cli(request, place.app.get());
  if (path == "logout") return app_logout(request, place);
  if (path == "get-identity") {
    const auto all = credentials_.identities_at(request, place);
    return identity_answer(all.empty() ? std::nullopt : std::optional(all.begin()->second));
  }
  return shared_answer(request, path);
}

boost::asio::awaitable<Answer> AccessSite::auth_answer(const Request& request) {
  if (request.path == "/") co_return dashboard(request);
  if (request.path.starts_with(kApiPath)) co_return api(request);
  if (!request.path.starts_with(kAccess)) co_return nothing_here("Go to the dashboard");
  const std::string_view path = std::string_view(request.path).substr(kAccess.size());
  if (request.path == kCertSignPath) {
    if (request.method != "POST") co_return method_not_allowed("POST");
    co_return co_await certificates_.answer(request, credentials_, applications_);
  }
  if (request.path == kCallbackPath || request.path.starts_with(std::string(kCallbackPath) + "/")) {
    Answer answer = co_await callback(request);
    co_return counted(request, std::move(answer));
  }
  if (!reads(request)) co_return method_not_allowed("GET, HEAD");
  if (path.starts_with("login/")) co_return co_await login(request);
  if (path == "logout") co_return co_await auth_logout(request);
  if (path == "signed-out") co_return signed_out(request);
  if (path == "get-identity") co_return identity_answer(credentials_.check_org(request));
  co_return shared_answer(request, path);
}

std::variant<TunnelGrant, Answer> AccessSite::upgrade(const Request& request) {
  auto out = grant(request);
  const auto* refused = std::get_if<Answer>(&out);
  context_.counters.add(Count::requests, status_class(refused != nullptr ? refused->status : 101));
  return out;
}

std::variant<TunnelGrant, Answer> AccessSite::grant(const Request& request) {
  if (request.host == context_.config.auth_host) return text_answer(404, "not found");
  const Place place = applications_.place_of(request);
  if (place.apps.empty()) return text_answer(421, kNotServedHere);
  const bool own_path = request.path.starts_with(kOwnPaths);
  if (!own_path && !place.app) return nowhere(place);
  if (!own_path) return tunnel_grant(request, *place.app);
  if (request.path == kTerminalPath && place.app && place.app->config->browser_terminal && terminals_)
    return terminal_grant(request, *place.app);
  return text_answer(404, "not found");
}

}  // namespace cfpipe::edge
