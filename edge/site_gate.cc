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
  if (token.empty()) {
    token = request.cookie(kTokenCookie);
    who.by_cookie = true;
  }
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

Answer AccessSite::gate(const Request& request, const App& app) {
  const Visitor who = visitor(request, app);
  if (!who.identity) return challenge(request, app);
  if (!allowed(app.config->policies, who.identity->email)) return denied(request, app, who.identity->email);
  return message_page(200, app.config->hostname, "You are signed in as " + who.identity->email + ".",
                      "Reach this host with: ssh, through cfpipe as its ProxyCommand.");
}

Answer AccessSite::denied(const Request& request, const App& app, const std::string& email) {
  AuditRow row;
  row.kind = "denial";
  row.identity = email;
  row.application = app.config->hostname;
  row.peer = request.peer;
  row.ray = request.ray;
  row.reason = "no policy allows it";
  audit(std::move(row));
  return message_page(403, "No access", email + " may not reach " + app.config->hostname + ".",
                      "To sign in as somebody else, first open https://" + auth_authority() +
                          "/cdn-cgi/access/logout. Request " + request.ray);
}

}  // namespace cfpipe::edge
