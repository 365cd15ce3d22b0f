// In front of an application: who is asking, and where they are sent to say so.
#include <spdlog/spdlog.h>

#include "edge/access_site.h"
#include "edge/answers.h"
#include "edge/text.h"
#include "transport/url.h"

namespace cfpipe::edge {
namespace {

/// Characters of a session cookie of ours: 32 random bytes in base64url.
constexpr std::size_t kSessionCharacters = 43;

}  // namespace

AccessSite::Visitor AccessSite::visitor(const Request& request, const App& app) const {
  Visitor who;
  std::string token(request.header("Cf-Access-Token"));
  // A header that is there decides alone: a client that sends a bad token is not let in by an old cookie.
  who.by_header = !token.empty();
  if (!who.by_header) token = request.cookie(kTokenCookie);
  who.identity = tokens_.check_app(token, app.aud, now_());
  return who;
}

Answer AccessSite::challenge(const Request& request, const App& app) const {
  std::string target = "/";
  if (request.method == "GET" || request.method == "HEAD") {
    const std::string asked = request.path + (request.query.empty() ? "" : "?" + request.query);
    target = safe_target(asked, authority(app.config->hostname)).value_or("/");
  }
  // One session for all tabs of a browser, or the second would void the first one's sign-in.
  std::string session = request.cookie(kSessionCookie);
  if (session.size() != kSessionCharacters) session = random_id();
  const std::int64_t until = now_() + kLoginSeconds;
  const std::string meta =
      notes_.write("login", {{"aud", app.aud}, {"session", hex(sha256(session))}}, until);
  Answer answer = redirect_answer(
      "https://" + auth_authority() + "/cdn-cgi/access/login/" + app.config->hostname + "?kid=" + app.aud +
      "&redirect_url=" + transport::percent_encode(target) + "&meta=" + transport::percent_encode(meta));
  answer.headers.emplace_back("CF-Access-Domain", app.config->hostname);
  answer.headers.emplace_back("CF-Access-Aud", app.aud);
  set_cookie(answer, kSessionCookie, session, until);
  return answer;
}

Verdict AccessSite::judge(const Request& request, const App& app, const std::optional<Identity>& identity,
                          Asking asking) {
  Subject subject;
  if (identity) {
    subject.email = identity->email;
    subject.groups = identity->groups;
    subject.service_token = identity->service_token;
  }
  subject.ip = parse_ip(request.peer);
  return decide(app.config->policies, subject, asking);
}

Answer AccessSite::gate(const Request& request, const App& app) {
  const Visitor who = visitor(request, app);
  const Verdict verdict = judge(request, app, who.identity, Asking::to_pass);
  if (!verdict.passes()) return turned_away(request, app, who, verdict);
  const std::string text = who.identity ? "You are signed in as " + who.identity->name() + "."
                                        : "This host asks nobody to sign in.";
  return message_page(200, app.config->hostname, text,
                      "Reach this host with: ssh, through cfpipe as its ProxyCommand.");
}

/// To the login where that can help, else to the reason.
Answer AccessSite::turned_away(const Request& request, const App& app, const Visitor& who,
                               const Verdict& verdict) {
  if (who.identity) return denied(request, app, *who.identity, verdict);
  return challenge(request, app);
}

Answer AccessSite::denied(const Request& request, const App& app, const Identity& identity,
                          const Verdict& verdict) {
  const std::string reason = reason_of(verdict);
  audit_denial(request, app, identity.name(), reason);
  const std::string what = "may not reach " + app.config->hostname + ": " + reason;
  Answer answer =
      message_page(403, "No access", "You are signed in as " + identity.name() + ". You " + what + ".",
                   "To sign in as somebody else, first open https://" + auth_authority() +
                       "/cdn-cgi/access/logout. If you should have access, show this page to whoever runs "
                       "the edge. Request " +
                       request.ray + ".");
  answer.headers.emplace_back(kReasonHeader, transport::printable(identity.name() + " " + what));
  return answer;
}

void AccessSite::audit_denial(const Request& request, const App& app, const std::string& who,
                              const std::string& reason) {
  AuditRow row;
  row.kind = "denial";
  row.identity = who;
  row.application = app.config->hostname;
  row.peer = request.peer;
  row.ray = request.ray;
  row.reason = transport::printable(reason);
  audit(std::move(row));
}

}  // namespace cfpipe::edge
