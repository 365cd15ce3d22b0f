// Which handler a request is for.
#include "edge/handlers/router.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "auth/connector/protocol.h"
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

/// Certificates, forms, links to logins, enrolments and the API, all at the auth domain.
bool Router::reads_body(const Request& request) const {
  if (request.host != auth_host_ || reads(request)) return false;
  if (request.path.starts_with(kApiPath)) return true;
  return request.method == "POST" && (request.path == kCertSignPath || request.path == kCallbackPath ||
                                      request.path == kCliLinkPath || request.path == auth::kEnrolPath);
}

boost::asio::awaitable<Answer> Router::handle(const Request& request) {
  const auto begun = std::chrono::steady_clock::now();
  Answer answer = co_await route(request);
  // A poll takes as long as a person does at the sign-in.
  if (!request.path.starts_with(kTransferPath))
    context_.counters.requests.add(std::chrono::steady_clock::now() - begun);
  // dev's certificate is not one that a browser should insist on.
  if (context_.config.identity_provider != IdentityProvider::dev)
    answer.headers.emplace_back("Strict-Transport-Security", kStrictTransport);
  context_.counters.add(Count::requests, status_class(answer.status));
  co_return answer;
}

bool Router::is_transfer_host(const std::string& host) const {
  const auto& hosts = context_.config.transfer_hosts;
  return std::find(hosts.begin(), hosts.end(), host) != hosts.end();
}

boost::asio::awaitable<Answer> Router::route(const Request& request) {
  // First: an application of all hosts below one may cover this one too.
  if (request.host == context_.config.auth_host || is_transfer_host(request.host))
    co_return co_await auth_domain_answer(request);
  const Place place = to_.applications.place_of(request);
  if (place.apps.empty()) co_return text_answer(421, kNotServedHere);
  Answer answer = app_answer(request, place);
  to_.metadata.add(request, place.app.get(), answer);
  co_return answer;
}

boost::asio::awaitable<Answer> Router::auth_domain_answer(const Request& request) {
  if (!request.path.starts_with(kTransferPath)) {
    if (request.host != context_.config.auth_host) co_return text_answer(404, "not found");
    co_return co_await auth_answer(request);
  }
  if (request.method != "GET") co_return method_not_allowed("GET");
  // The padding may arrive percent-encoded.
  std::string receiver =
      percent_decode(std::string_view(request.path).substr(kTransferPath.size())).value_or(std::string());
  if (!TransferStore::valid_key(receiver)) co_return text_answer(404, "not found");
  Answer polled = co_await to_.transfers.poll(std::move(receiver), request.peer);
  if (polled.status == 429) context_.counters.add(Count::limited, "polls");
  co_return polled;
}

Answer Router::shared_answer(const Request& request, std::string_view path) {
  if (path == "certs") {
    Answer answer = json_answer(200, {});
    answer.body = context_.tokens.certs();
    return answer;
  }
  return asset_answer(request, path);
}

Answer Router::app_answer(const Request& request, const Place& place) {
  if (!request.path.starts_with(kOwnPaths))
    return place.app ? to_.gate.answer(request, *place.app) : nowhere(place);
  if (!request.path.starts_with(kAccess)) return text_answer(404, "not found");
  if (!reads(request)) return method_not_allowed("GET, HEAD");
  const std::string_view path = std::string_view(request.path).substr(kAccess.size());
  if (path == "authorized") return to_.app_pages.authorized(request);
  if (path == "cli") return to_.app_pages.cli(request, place.app.get());
  if (path == "logout") return to_.sign_out.at_applications(request, place);
  if (path == "get-identity") {
    const auto all = to_.credentials.identities_at(request, place);
    return to_.app_pages.identity(all.empty() ? std::nullopt : std::optional(all.begin()->second));
  }
  return shared_answer(request, path);
}

boost::asio::awaitable<Answer> Router::auth_answer(const Request& request) {
  if (request.path == "/") co_return to_.dashboard.page(request, *to_.applications.dashboard());
  if (request.path.starts_with(kApiPath)) co_return to_.dashboard.api(request);
  if (is_short_link(request.path))
    co_return reads(request) ? to_.app_pages.follow_link(request) : method_not_allowed("GET, HEAD");
  if (request.path == auth::kEnrolPath)
    co_return request.method == "POST" ? to_.connectors.enrol(request) : method_not_allowed("POST");
  if (request.path == auth::kAttachPath) co_return ConnectorAuthority::upgrade_required();
  if (!request.path.starts_with(kAccess)) co_return nothing_here("Go to the dashboard");
  const std::string_view path = std::string_view(request.path).substr(kAccess.size());
  if (request.path == kCertSignPath) {
    if (request.method != "POST") co_return method_not_allowed("POST");
    co_return co_await to_.certificates.answer(request, to_.credentials, to_.applications);
  }
  if (request.path == kCliLinkPath)
    co_return request.method == "POST" ? to_.app_pages.make_link(request) : method_not_allowed("POST");
  if (request.path == kCallbackPath || request.path.starts_with(std::string(kCallbackPath) + "/")) {
    co_return co_await to_.sign_in.callback(request);
  }
  if (!reads(request)) co_return method_not_allowed("GET, HEAD");
  if (path.starts_with("login/")) co_return co_await to_.sign_in.login(request);
  if (path == "logout") co_return co_await to_.sign_out.at_auth_domain(request);
  if (path == "signed-out") co_return to_.sign_out.signed_out(request);
  if (path == "get-identity") co_return to_.app_pages.identity(to_.credentials.check_org(request));
  if (path == "applications") co_return to_.dashboard.applications(request);
  co_return shared_answer(request, path);
}

std::variant<TunnelGrant, Answer> Router::upgrade(const Request& request) {
  auto out = grant(request);
  const auto* refused = std::get_if<Answer>(&out);
  context_.counters.add(Count::requests, status_class(refused != nullptr ? refused->status : 101));
  return out;
}

std::variant<AttachGrant, Answer> Router::attach(const Request& request) {
  auto out = grant_attachment(request);
  const auto* refused = std::get_if<Answer>(&out);
  context_.counters.add(Count::requests, status_class(refused != nullptr ? refused->status : 101));
  return out;
}

std::variant<AttachGrant, Answer> Router::grant_attachment(const Request& request) {
  const bool at_auth_domain = request.host == context_.config.auth_host;
  if (!at_auth_domain && !is_transfer_host(request.host) && to_.applications.place_of(request).apps.empty())
    return text_answer(421, kNotServedHere);
  if (!at_auth_domain || request.path != auth::kAttachPath) return text_answer(404, "not found");
  if (request.method != "GET") return method_not_allowed("GET");
  return to_.connectors.attach(request);
}

std::variant<TunnelGrant, Answer> Router::grant(const Request& request) {
  if (request.host == context_.config.auth_host) return text_answer(404, "not found");
  const Place place = to_.applications.place_of(request);
  if (place.apps.empty()) return text_answer(421, kNotServedHere);
  const bool own_path = request.path.starts_with(kOwnPaths);
  if (!own_path && !place.app) return nowhere(place);
  if (!own_path) return to_.tunnels.grant(request, *place.app);
  if (request.path == kTerminalPath && place.app && to_.terminals.serves(*place.app))
    return to_.terminals.grant(request, *place.app);
  return text_answer(404, "not found");
}

}  // namespace cfpipe::edge
