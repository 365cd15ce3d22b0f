// In front of an application: who is asking, and where they are sent to say so.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "base/access_headers.h"
#include "base/text.h"
#include "edge/handlers/router.h"
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
  answer.headers.emplace_back(transport::kReasonHeader, transport::printable(reason));
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

struct HowToReach {
  std::string text;
  std::string command;
  std::string then;
};

/// Ports below are for programs with privileges.
constexpr std::uint16_t kFirstUserPort = 1024;
constexpr std::uint16_t kSomePort = 10022;

/// `place`: host, with its port, and path. `host`: what ssh calls it.
HowToReach how_to_reach(const ApplicationConfig& app, const std::string& host, const std::string& place,
                        const std::string& auth_domain) {
  if (app.ssh) {
    const std::string certificate = app.certificates ? " --short-lived-cert" : "";
    return {"To reach it with ssh, run this once on your machine:",
            "cfpipe access ssh-config --install --hostname " + place + certificate + " --auth-domain " +
                auth_domain,
            "From then on: ssh " + host};
  }
  const bool has_port = app.origin_path.empty() && app.origin_port >= kFirstUserPort;
  const std::string local = "127.0.0.1:" + std::to_string(has_port ? app.origin_port : kSomePort);
  return {"To reach it with a program of yours, run this on your machine and leave it running:",
          "cfpipe access tcp --hostname " + place + " --url " + local + " --auth-domain " + auth_domain,
          "Your program then finds it at " + local + "."};
}

}  // namespace

// A header that is there decides alone: a client that sends bad credentials is not let in by an old cookie.
AccessSite::Visitor AccessSite::visitor(const Request& request, const App& app) {
  Visitor who;
  const std::string_view id = request.header("Cf-Access-Client-Id");
  const std::string_view secret = request.header("Cf-Access-Client-Secret");
  if (!id.empty() || !secret.empty()) {
    const std::int64_t now = now_();
    who.by_header = who.shows_service_token = true;
    const CheckedServiceToken checked = service_tokens_.check(id, secret, now);
    who.fault = checked.fault;
    if (!checked.token) return who;
    Identity& identity = who.identity.emplace();
    identity.client_id = checked.token->client_id;
    identity.service_token = checked.token->name;
    identity.issued = now;
    identity.expires = std::min(checked.token->expires, now + app.config->session_duration.count());
    return who;
  }
  const std::string_view token = request.header("Cf-Access-Token");
  who.by_header = !token.empty();
  if (who.by_header) {
    who.identity = check_app(token, app);
    return who;
  }
  for (const std::string& cookie : token_cookies(request, browser_token_cookie(app.name, app.aud)))
    if ((who.identity = check_app(cookie, app))) break;
  return who;
}

/// Whom an application token speaks for; nobody, if it is a service token's that has been revoked since.
std::optional<Identity> AccessSite::check_app(std::string_view token, const App& app) const {
  const std::int64_t now = now_();
  auto identity = tokens_.check_app(token, app.aud, now);
  if (!identity || !takes(app, *identity)) return std::nullopt;
  if (identity->client_id.empty()) {
    if (revoked(*identity)) return std::nullopt;
    return identity;
  }
  const auto row = service_tokens_.find(identity->client_id, now);
  if (!row) return std::nullopt;
  identity->service_token = row->name;
  return identity;
}

/// Whom an org token speaks for, in a browser or a program.
std::optional<Identity> AccessSite::check_org(const Request& request) const {
  for (const std::string& token : token_cookies(request)) {
    auto identity = tokens_.check_org(token, now_());
    if (identity && !revoked(*identity)) return identity;
  }
  return std::nullopt;
}

/// Who has signed in in this browser: no program's org token, and no cookie that another host has planted.
std::optional<Identity> AccessSite::browser_session(const Request& request) const {
  auto identity = tokens_.check_org(cookie_value(request, kBrowserTokenCookie), now_());
  if (!identity || identity->holder != Holder::browser || revoked(*identity)) return std::nullopt;
  return identity;
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

/// Where the state cannot say, nobody gets in.
bool AccessSite::revoked(const Identity& identity) const {
  const auto until = state_.revoked_until(identity.email);
  if (!until) spdlog::error("state: {}", until.error().detail);
  if (!until || identity.issued <= *until) return true;
  const auto ended = state_.session_revoked(identity.nonce);
  if (!ended) spdlog::error("state: {}", ended.error().detail);
  return !ended || *ended;
}

Answer AccessSite::challenge(const Request& request, const App& app) const {
  const std::string target = safe_target(target_of(request), authority(request.host)).value_or("/");
  // One session for all tabs of a browser, or the second would void the first one's sign-in.
  std::string session = cookie_value(request, kBrowserSessionCookie);
  if (session.size() != kSessionCharacters) session = random_id();
  const std::int64_t until = now_() + kLoginSeconds;
  const std::string meta = notes_.write(
      "login", {{"aud", app.aud}, {"host", request.host}, {"session", hex(sha256(session))}}, until);
  Answer answer = redirect_answer("https://" + auth_authority() + "/cdn-cgi/access/login/" + request.host +
                                  "?kid=" + app.aud + "&redirect_url=" + transport::percent_encode(target) +
                                  "&meta=" + transport::percent_encode(meta));
  answer.headers.emplace_back("CF-Access-Domain", app.config->hostname);
  answer.headers.emplace_back("CF-Access-Aud", app.aud);
  set_cookie(answer, kSessionCookie, session, until);
  set_cookie(answer, kBrowserSessionCookie, session, until);
  return answer;
}

Verdict AccessSite::judge(const Request& request, const App& app, const std::optional<Identity>& identity,
                          Asking asking) {
  return judge(request.peer, app, identity ? &*identity : nullptr, asking);
}

bool AccessSite::takes(const App& app, const Identity& identity) {
  const auto& allowed = app.config->allowed_idps;
  return !identity.client_id.empty() || allowed.empty() ||
         std::find(allowed.begin(), allowed.end(), identity.provider) != allowed.end();
}

Verdict AccessSite::judge(const std::string& peer, const App& app, const Identity* identity, Asking asking) {
  Subject subject;
  if (identity && takes(app, *identity)) {
    subject.email = identity->email;
    subject.login_method = identity->provider;
    subject.groups = identity->groups;
    subject.service_token = identity->service_token;
  }
  subject.ip = parse_ip(peer);
  return decide(app.config->policies, subject, asking);
}

// A tunnel opens at every path of the application, and every path asks for a sign-in.
Answer AccessSite::gate(const Request& request, const App& app) {
  const Visitor who = visitor(request, app);
  const Verdict verdict = judge(request, app, who.identity, Asking::to_pass);
  if (!verdict.passes()) return turned_away(request, app, who, verdict);
  const bool has_page = is_front(app.name, request.path);
  if (has_page && app.config->browser_terminal && who.identity && !who.identity->email.empty() &&
      judge(request, app, who.identity, Asking::for_identity).passes())
    return terminal_page(request, app, *who.identity);
  const bool shows_good_token = who.shows_service_token && who.identity;
  if (shows_good_token && !grants()) return unrecordable();
  const bool has_link = app.name.path().find('*') == std::string::npos;
  const std::string front = app.name.has_path() ? app.name.path() : "/";
  Answer answer = has_page ? front_page(request, app, who.identity)
                           : nothing_here(Link{has_link ? "Go to " + request.host + app.name.path() : "",
                                               has_link ? front : ""});
  if (shows_good_token) add_service_cookie(request, app, *who.identity, answer);
  return answer;
}

/// For an application without a terminal: how it is reached.
Answer AccessSite::front_page(const Request& request, const App& app,
                              const std::optional<Identity>& identity) const {
  const bool person = identity && !identity->email.empty();
  Page page;
  page.file = "front.html";
  // Never what the request says: the command below is copied into a shell.
  const std::string path = app.name.path().find('*') == std::string::npos ? app.name.path() : std::string();
  const std::string title = request.host + path;
  page.title = title;
  page.values = {
      {"who",
       identity ? "You are signed in as " + identity->name() + "." : "This host asks nobody to sign in."},
      {"links", person ? filled_page("front_links.html",
                                     {{"sign_out", std::string(kLogoutPath)},
                                      {"sessions", "https://" + auth_authority() + "/#my-sessions"}})
                       : ""}};
  const HowToReach how =
      how_to_reach(*app.config, request.host, authority(request.host) + path, config_.auth_host);
  page.values.insert(page.values.end(), {{"how", how.text}, {"command", how.command}, {"then", how.then}});
  return page_answer(200, page);
}

/// The application token of a service token, which is what certificates are asked for with.
void AccessSite::add_service_cookie(const Request& request, const App& app, const Identity& identity,
                                    Answer& answer) {
  if (!judge(request, app, identity, Asking::for_identity).passes()) return;
  const std::int64_t now = now_();
  const std::string token =
      tokens_.app_token(identity, app.aud, now, std::chrono::seconds(identity.expires - now));
  set_cookie(answer, kTokenCookie, token, identity.expires, token_cookie_path(app.name));
  AuditRow row;
  row.kind = "login";
  row.identity = identity.name();
  row.application = app.config->hostname;
  row.peer = request.peer;
  row.ray = request.ray;
  row.reason = "service token";
  audit_limited(RowCause::service_login, std::move(row), party_of(identity));
}

/// To the login where that can help, else to the reason.
Answer AccessSite::turned_away(const Request& request, const App& app, const Visitor& who,
                               const Verdict& verdict) {
  const std::string target = target_of(request);
  if (who.identity) return denied(request, app, *who.identity, verdict, {request.host, target});
  if (who.shows_service_token) return refused_service_token(request, app, who.fault);
  if (people_may_enter(app.config->policies)) return challenge(request, app);
  return refusal(app.config->hostname + " takes service tokens only, and the request has none",
                 "Programs send one in Cf-Access-Client-Id and Cf-Access-Client-Secret.");
}

Answer AccessSite::denied(const Request& request, const App& app, const Identity& identity,
                          const Verdict& verdict, const WayBack& back) {
  const std::string reason = reason_of(verdict);
  audit_denial(RowCause::denied, request, app, identity, reason);
  const std::string what = " may not reach " + app.config->hostname + ": " + reason;
  if (!identity.client_id.empty())
    return refusal("service token " + identity.name() + what, "Request " + request.ray + ".");
  const Link other = another_user(back);
  Answer answer =
      message_page(403, "No access", "You are signed in as " + identity.email + ". You" + what + ".",
                   "If you should have access, show this page to the administrator of the edge. "
                   "Request " +
                       request.ray + ".",
                   other);
  answer.headers.emplace_back(kAnotherUserHeader, other.url);
  answer.headers.emplace_back(transport::kReasonHeader, transport::printable(identity.email + what));
  return answer;
}

/// Not the login: whoever sends a service token is no person.
Answer AccessSite::refused_service_token(const Request& request, const App& app, const std::string& fault) {
  audit_denial(RowCause::service_token, request, app, {}, fault);
  return refusal(fault, "Request " + request.ray + ".");
}

void AccessSite::audit_denial(RowCause cause, const Request& request, const App& app,
                              const std::optional<Identity>& who, const std::string& reason) {
  AuditRow row;
  row.kind = "denial";
  tally_.add(Count::denials, app.config->hostname);
  if (who) row.identity = who->name();
  row.application = app.config->hostname;
  row.peer = request.peer;
  row.ray = request.ray;
  if (who) row.login_method = who->provider;
  row.reason = transport::printable(reason);
  if (app.name.is_pattern() && request.host != auth_host_) row.reason += ", at " + request.host;
  audit_limited(cause, std::move(row), who ? party_of(*who) : PartyKey());
}

}  // namespace cfpipe::edge
