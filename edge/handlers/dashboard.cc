// The auth domain's own pages: the dashboard, signing in to it, and the API that it uses.
#include "base/text.h"
#include "edge/api/api.h"
#include "edge/handlers/router.h"
#include "edge/http/responses.h"

namespace cfpipe::edge {
namespace {

constexpr const char* kDashboardPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri "
    "'none'; "
    "form-action 'none'; frame-ancestors 'none'";

bool is_unsafe(const Request& request) {
  return request.method != "GET" && request.method != "HEAD";
}

}  // namespace

/// The auth domain as something to sign in to: everybody whom the provider knows may, and sees their own
/// sessions.
Result<std::shared_ptr<AccessSite::App>> AccessSite::dashboard_of(const Config& config) {
  auto aud = state_.application_aud(config.auth_host);
  if (!aud) return aud.error();
  auto app = std::make_shared<ApplicationConfig>();
  app->hostname = config.auth_host;
  app->session_duration = config.session_duration;
  Policy everyone;
  everyone.name = "dashboard";
  everyone.include.emplace_back();
  app->policies.push_back(std::move(everyone));
  auto name = AppName::parse(config.auth_host);
  if (!name) return name.error();
  auto out = std::make_shared<App>();
  out->config = std::move(app);
  out->name = std::move(*name);
  out->aud = std::move(*aud);
  return out;
}

bool AccessSite::is_administrator(const Request& request, const Identity& identity) const {
  if (!config_.administrators) return false;
  Subject subject;
  subject.email = identity.email;
  subject.groups = identity.groups;
  subject.login_method = identity.provider;
  subject.ip = parse_ip(request.peer);
  return try_policy(*config_.administrators, subject).passes();
}

Answer AccessSite::dashboard(const Request& request) const {
  if (request.method != "GET" && request.method != "HEAD") return method_not_allowed("GET, HEAD");
  const auto identity = browser_session(request);
  if (!identity) return challenge(request, *dashboard_);
  const Document page{"dashboard.html",
                      {{"email", identity->email},
                       {"administrator", is_administrator(request, *identity) ? "yes" : ""},
                       {"sign_out", std::string(kLogoutPath)}},
                      kDashboardPolicy};
  return document_answer(200, page);
}

Answer AccessSite::api(const Request& request) {
  const auto identity = browser_session(request);
  if (!identity) return json_refusal(401, "not signed in");
  if (is_unsafe(request))
    if (const char* fault = foreign_request(request, "https://" + auth_authority()))
      return json_refusal(403, fault);
  const Caller caller{*identity, is_administrator(request, *identity)};
  AdminApi call({state_, config_, open_tunnels_, now_()}, request, caller);
  Answer answer = call.answer();
  if (call.changed()) end_revoked_tunnels(true);
  return answer;
}

}  // namespace cfpipe::edge
