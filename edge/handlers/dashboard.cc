// The auth domain's own page, and the API that it uses.
#include "edge/handlers/dashboard.h"

#include "base/text.h"
#include "edge/api/api.h"
#include "edge/api/own_applications.h"
#include "edge/handlers/decision.h"
#include "edge/handlers/return_link.h"
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

bool Dashboard::is_administrator(const Request& request, const Identity& identity) const {
  if (!context_.config.administrators) return false;
  Subject subject;
  subject.email = identity.email;
  subject.groups = identity.groups;
  subject.login_method = identity.provider;
  subject.ip = parse_ip(request.peer);
  return try_policy(*context_.config.administrators, subject).passes();
}

Answer Dashboard::page(const Request& request, const Application& own) const {
  if (request.method != "GET" && request.method != "HEAD") return method_not_allowed("GET, HEAD");
  const auto identity = credentials_.browser_session(request);
  if (!identity) return gate_.challenge(request, own);
  const Document page{"dashboard.html",
                      {{"email", identity->email},
                       {"administrator", is_administrator(request, *identity) ? "yes" : ""},
                       {"sign_out", std::string(kLogoutPath)}},
                      kDashboardPolicy};
  return document_answer(200, page);
}

ApiSite Dashboard::site_for(const Request& request, const Identity& identity) const {
  const auto as_at_the_gate = [&](const ApplicationConfig& app, Asking asking) {
    return judge(request.peer, app, &identity, asking);
  };
  return {context_.store, context_.config, tunnels_.open(), *context_.connectors, tunnels_.published().edge(),
          context_.now(), as_at_the_gate};
}

Answer Dashboard::api(const Request& request) {
  const auto identity = credentials_.browser_session(request);
  if (!identity) return json_refusal(401, "not signed in");
  if (is_unsafe(request))
    if (const char* fault = foreign_request(request, "https://" + context_.auth_authority()))
      return json_refusal(403, fault);
  const Caller caller{*identity, is_administrator(request, *identity)};
  const ApiSite site = site_for(request, *identity);
  ApiCall call(site, request, caller);
  Answer answer = answer_api(call);
  if (!call.changed) return answer;
  tunnels_.end_revoked();
  (void)connectors_.end_revoked();
  return answer;
}

Answer Dashboard::applications(const Request& request) {
  const auto identity = credentials_.program_session(request);
  if (!identity) return json_refusal(401, "no program that has logged in shows its token here");
  if (const std::int64_t wait = lists_.take(party_of(*identity), context_.now()); wait > 0) {
    context_.counters.add(Count::limited, "applications");
    Answer answer = json_refusal(429, "the programs of " + identity->email + " ask for this too often");
    answer.headers.emplace_back("Retry-After", std::to_string(wait));
    return answer;
  }
  return own_applications(site_for(request, *identity));
}

}  // namespace cfpipe::edge
