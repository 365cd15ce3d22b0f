// In front of an application: who may pass, and where the others are sent.
#include "edge/handlers/gate.h"

#include <algorithm>
#include <utility>

#include "base/access_headers.h"
#include "base/log.h"
#include "base/text.h"
#include "edge/config/way_in.h"
#include "edge/handlers/decision.h"
#include "edge/handlers/terminal_page.h"
#include "edge/http/cookies.h"
#include "edge/http/responses.h"
#include "transport/net/url.h"

namespace cfpipe::edge {
namespace {

/// Characters of a session cookie of ours: 32 random bytes in base64url.
constexpr std::size_t kSessionCharacters = 43;
/// Of a refusal: the path of a sign-out that leads back to where the refused one wanted to go. For the page
/// of a terminal, which asks why it was refused.
constexpr const char* kAnotherUserHeader = "Cfpipe-Another-User";

Answer refusal(const std::string& reason, std::string_view hint) {
  Answer answer = message_page(403, "No access", reason + ".", hint);
  answer.headers.emplace_back(kReasonHeader, printable(reason));
  return answer;
}

/// The path of an application that has a page for people: its terminal, or how it is reached.
bool is_front(const AppName& app, std::string_view path) {
  const auto canonical = canonical_path(path);
  return canonical && app.is_front(*canonical);
}

/// What a person goes on to once they are signed in.
std::string target_of(const Request& request) {
  if (request.method != "GET" && request.method != "HEAD") return "/";
  return request.path + (request.query.empty() ? "" : "?" + request.query);
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

Answer Gate::challenge(const Request& request, const Application& app) const {
  const std::string target = safe_target(target_of(request), context_.authority(request.host)).value_or("/");
  // One session for all tabs of a browser, or the second would void the first one's sign-in.
  std::string session = cookie_value(request, kBrowserSessionCookie);
  if (session.size() != kSessionCharacters) session = random_id();
  const std::int64_t until = context_.now() + kLoginSeconds;
  const std::string meta = context_.signed_state.write(
      "login", {{"aud", app.aud}, {"host", request.host}, {"session", hex(sha256(session))}}, until);
  Answer answer = redirect_answer(
      "https://" + context_.auth_authority() + "/cdn-cgi/access/login/" + request.host + "?kid=" + app.aud +
      "&redirect_url=" + transport::percent_encode(target) + "&meta=" + transport::percent_encode(meta));
  answer.headers.emplace_back("CF-Access-Domain", app.config->hostname);
  answer.headers.emplace_back("CF-Access-Aud", app.aud);
  set_cookie(answer, kSessionCookie, session, until);
  set_cookie(answer, kBrowserSessionCookie, session, until);
  return answer;
}

// A tunnel opens at every path of the application, and every path asks for a sign-in.
Answer Gate::answer(const Request& request, const Application& app) {
  const Visitor who = credentials_.visitor(request, app);
  const Verdict verdict = judge(request, app, who.identity, Asking::to_pass);
  if (!verdict.passes()) return turned_away(request, app, who, verdict);
  const bool has_page = is_front(app.name, request.path);
  if (has_page && app.config->browser_terminal && who.identity && !who.identity->email.empty() &&
      judge(request, app, who.identity, Asking::for_identity).passes())
    return terminal_page(request, app, *who.identity);
  const bool shows_good_token = who.shows_service_token && who.identity;
  if (shows_good_token && !context_.grants()) return unrecordable();
  const bool has_link = app.name.path().find('*') == std::string::npos;
  const std::string front = app.name.has_path() ? app.name.path() : "/";
  Answer answer = has_page ? front_page(request, app, who.identity)
                           : nothing_here(Link{has_link ? "Go to " + request.host + app.name.path() : "",
                                               has_link ? front : ""});
  if (shows_good_token) add_service_cookie(request, app, *who.identity, answer);
  return answer;
}

/// For an application without a terminal: how it is reached.
Answer Gate::front_page(const Request& request, const Application& app,
                        const std::optional<Identity>& identity) const {
  const bool person = identity && !identity->email.empty();
  Page page;
  page.file = "front.html";
  // Never what the request says: the command below is copied into a shell.
  const std::string path = app.name.path().find('*') == std::string::npos ? app.name.path() : std::string();
  const std::string title = request.host + path;
  page.title = title;
  page.values = {
      {"who", identity ? "You are signed in as " + identity->name() + "." : "This host needs no sign-in."},
      {"links",
       person ? filled_page("front_links.html", {{"sign_out", std::string(kLogoutPath)},
                                                 {"dashboard", "https://" + context_.auth_authority() + "/"}})
              : ""}};
  const WayIn way =
      way_in(*app.config, request.host, context_.authority(request.host) + path, context_.config.auth_host);
  if (app.config->ssh) {
    page.values.insert(page.values.end(), {{"how", "To reach it with ssh, run this once on your machine:"},
                                           {"command", way.setup},
                                           {"then", "From then on: " + way.command}});
  } else {
    page.values.insert(
        page.values.end(),
        {{"how", "To reach it with a program of yours, run this on your machine and leave it running:"},
         {"command", way.command},
         {"then", "Your program then finds it at " + way.local + "."}});
  }
  return page_answer(200, page);
}

/// The application token of a service token, which is what certificates are asked for with.
void Gate::add_service_cookie(const Request& request, const Application& app, const Identity& identity,
                              Answer& answer) {
  if (!judge(request, app, identity, Asking::for_identity).passes()) return;
  const std::int64_t now = context_.now();
  const std::string token =
      context_.tokens.app_token(identity, app.aud, now, std::chrono::seconds(identity.expires - now));
  set_cookie(answer, kTokenCookie, token, identity.expires, token_cookie_path(app.name));
  AuditRow row = row_of("login", request);
  row.identity = identity.name();
  row.application = app.config->hostname;
  row.reason = "service token";
  context_.record_limited(RowCause::service_login, std::move(row), party_of(identity));
}

/// To the login where that can help, else to the reason.
Answer Gate::turned_away(const Request& request, const Application& app, const Visitor& who,
                         const Verdict& verdict) {
  const std::string target = target_of(request);
  if (who.identity) return denied(request, app, *who.identity, verdict, {request.host, target});
  if (who.shows_service_token) return refused_service_token(request, app, who.fault);
  if (people_may_enter(app.config->policies)) return challenge(request, app);
  return refusal(app.config->hostname + " takes service tokens only, and the request has none",
                 "Programs send one in Cf-Access-Client-Id and Cf-Access-Client-Secret.");
}

Answer Gate::denied(const Request& request, const Application& app, const Identity& identity,
                    const Verdict& verdict, const WayBack& back) {
  const std::string reason = reason_of(verdict);
  record_denial(context_, RowCause::denied, request, app, identity, reason);
  const std::string what = " may not reach " + app.config->hostname + ": " + reason;
  if (!identity.client_id.empty())
    return refusal("service token " + identity.name() + what, "Request " + request.ray + ".");
  const Link other = another_user(context_, back);
  Answer answer =
      message_page(403, "No access", "You are signed in as " + identity.email + ". You" + what + ".",
                   "If you should have access, show this page to the administrator of the edge. "
                   "Request " +
                       request.ray + ".",
                   other);
  answer.headers.emplace_back(kAnotherUserHeader, other.url);
  answer.headers.emplace_back(kReasonHeader, printable(identity.email + what));
  return answer;
}

/// Not the login: whoever sends a service token is no person.
Answer Gate::refused_service_token(const Request& request, const Application& app, const std::string& fault) {
  record_denial(context_, RowCause::service_token, request, app, {}, fault);
  return refusal(fault, "Request " + request.ray + ".");
}

}  // namespace cfpipe::edge
