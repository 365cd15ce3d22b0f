// The auth domain: the sign-in page, its form, and the code that carries the result back to the application.
#include <spdlog/spdlog.h>

#include <boost/json/serialize.hpp>

#include "edge/access_site.h"
#include "edge/answers.h"
#include "edge/text.h"
#include "transport/url.h"

namespace cfpipe::edge {
namespace {

/// Host-bound by its name: no other host of the domain can plant it.
constexpr std::string_view kFormCookie = "__Host-cfpipe-form";
constexpr std::size_t kFormCookieCharacters = 43;
constexpr std::string_view kLoginPath = "/cdn-cgi/access/login/";
constexpr std::size_t kNonceBytes = 12;

bool for_a_program(std::string_view target) {
  return target.substr(0, target.find('?')) == kCliPath;
}

/// What is asked of a person before a program gets their tokens.
std::string notice_for(std::string_view target, std::string_view hostname) {
  if (!for_a_program(target)) return {};
  return "A program on a computer is waiting to reach " + std::string(hostname) +
         " as you. Go on only if you have just started it yourself.";
}

/// The receiver's key in the target of a hand-over, as its digest.
std::string receiver_hash(const std::string& target) {
  Request inner;
  const std::size_t question = target.find('?');
  if (question != std::string::npos) inner.query = target.substr(question + 1);
  return hex(sha256(inner.query_value("token")));
}

Answer expired_form() {
  return message_page(400, "Sign-in not completed", "This page was open too long, or cookies are turned off.",
                      "Start again from the address you wanted to reach.");
}

}  // namespace

Answer AccessSite::login(const Request& request) {
  std::string host = percent_decode(std::string_view(request.path).substr(kLoginPath.size())).value_or("");
  host = lower(std::string_view(host).substr(0, host.find(':')));
  const App* app = find_app(host);
  if (app == nullptr) return message_page(404, "Not found", "This edge serves no such application.");
  const std::string kid = request.query_value("kid");
  if (!kid.empty() && kid != app->aud)
    return message_page(400, "This link is not right", "It names another application than its address.");
  const auto target = safe_target(request.query_value("redirect_url"), authority(host));
  if (!target) {
    return message_page(400, "This link is not right", "It leads away from " + host + ".",
                        "Start again from the address you wanted to reach.");
  }
  const std::int64_t now = now_();
  const auto meta = notes_.read("login", request.query_value("meta"), now);
  Answer answer;
  if (!meta || text_of(*meta, "aud") != app->aud) {
    // No sign-in of this browser, or one that is too old: the application begins a new one.
    answer = redirect_answer("https://" + authority(host) + *target);
  } else {
    Login login;
    login.app = app;
    login.session_hash = text_of(*meta, "session");
    login.target = *target;
    const auto identity = tokens_.check_org(request.cookie(kTokenCookie), now);
    const Verdict verdict = judge(request, *app, identity, Asking::for_identity);
    if (!identity) {
      answer = sign_in_page(request, login, {});
    } else if (!verdict.passes()) {
      answer = denied(request, *app, *identity, verdict);
    } else if (for_a_program(login.target)) {
      answer = confirm_page(request, login, *identity);
    } else {
      answer = finish_login(login, *identity, false);
    }
  }
  answer.headers.emplace_back("CF-Access-Domain", app->config->hostname);
  answer.headers.emplace_back("CF-Access-Aud", app->aud);
  return answer;
}

/// The hidden field of a form: the sign-in, tied to a cookie of this browser, so that no other site can post
/// it.
std::string AccessSite::form_state(const Request& request, const Login& login, Answer& answer) const {
  std::string cookie = request.cookie(kFormCookie);
  if (cookie.size() != kFormCookieCharacters) cookie = random_id();
  const std::int64_t until = now_() + kLoginSeconds;
  set_cookie(answer, kFormCookie, cookie, until);
  const boost::json::object state{{"aud", login.app->aud},
                                  {"session", login.session_hash},
                                  {"target", login.target},
                                  {"form", hex(sha256(cookie))}};
  return notes_.write("form", state, until);
}

Answer AccessSite::sign_in_page(const Request& request, const Login& login, std::string_view error) const {
  if (config_.identity_provider != IdentityProvider::dev)
    return message_page(501, "Not available", "This edge has no way to sign in yet.");
  Answer cookies;
  const std::string& host = login.app->config->hostname;
  Page page;
  page.file = "sign_in.html";
  page.title = "Sign in";
  page.values = {{"application", host},
                 {"error", std::string(error)},
                 {"notice", notice_for(login.target, host)},
                 {"state", form_state(request, login, cookies)},
                 {"email", config_.dev_email}};
  page.form_target = "https://" + authority(host);
  Answer answer = page_answer(error.empty() ? 200 : 400, page);
  answer.headers.insert(answer.headers.end(), cookies.headers.begin(), cookies.headers.end());
  return answer;
}

Answer AccessSite::confirm_page(const Request& request, const Login& login, const Identity& identity) const {
  Answer cookies;
  const std::string& host = login.app->config->hostname;
  Page page;
  page.file = "confirm.html";
  page.title = "Let a program in?";
  page.values = {{"email", identity.email},
                 {"notice", notice_for(login.target, host)},
                 {"state", form_state(request, login, cookies)}};
  page.form_target = "https://" + authority(host);
  Answer answer = page_answer(200, page);
  answer.headers.insert(answer.headers.end(), cookies.headers.begin(), cookies.headers.end());
  return answer;
}

/// Leaves a one-time code for the application's /authorized. `asked`: the person saw what they agree to.
Answer AccessSite::finish_login(const Login& login, const Identity& identity, bool asked) {
  const std::int64_t now = now_();
  const std::string code = random_id();
  boost::json::object content{{"aud", login.app->aud},
                              {"session", login.session_hash},
                              {"target", login.target},
                              {"org_exp", identity.expires}};
  write_identity(content, identity);
  if (asked && for_a_program(login.target)) content["receiver"] = receiver_hash(login.target);
  const auto kept =
      state_.put_pending("code", hex(sha256(code)), boost::json::serialize(content), now + kCodeSeconds, now);
  if (!kept) spdlog::error("state: {}", kept.error().detail);
  if (!kept || !*kept)
    return message_page(503, "Not available", "This edge cannot keep the sign-in.", "Try again in a minute.");
  return redirect_answer("https://" + authority(login.app->config->hostname) +
                         "/cdn-cgi/access/authorized?code=" + code);
}

Answer AccessSite::callback(const Request& request) {
  const std::int64_t now = now_();
  const std::string_view origin = request.header("Origin");
  if (!origin.empty() && !same_text(origin, "https://" + auth_authority()))
    return message_page(403, "Refused", "This form was sent from another site.");
  const auto state = notes_.read("form", request.form_value("state"), now);
  if (!state || !same_secret(text_of(*state, "form"), hex(sha256(request.cookie(kFormCookie)))))
    return expired_form();
  Login login;
  login.app = find_app_by_aud(text_of(*state, "aud"));
  login.session_hash = text_of(*state, "session");
  login.target = text_of(*state, "target");
  if (login.app == nullptr) return expired_form();

  const std::string typed = request.form_value("email");
  if (typed.empty()) {
    // The confirmation of somebody who is signed in already; has that ended meanwhile, they sign in again.
    const auto identity = tokens_.check_org(request.cookie(kTokenCookie), now);
    if (!identity) return sign_in_page(request, login, "Enter your email address.");
    const Verdict verdict = judge(request, *login.app, identity, Asking::for_identity);
    if (!verdict.passes()) return denied(request, *login.app, *identity, verdict);
    return finish_login(login, *identity, true);
  }
  if (config_.identity_provider != IdentityProvider::dev) return expired_form();
  Identity identity;
  identity.email = std::string(trimmed(typed));
  if (!valid_email(identity.email)) return sign_in_page(request, login, "This is not an email address.");
  identity.groups = groups_to_carry(config_.dev_groups, groups_named(config_));
  const Verdict verdict = judge(request, *login.app, identity, Asking::for_identity);
  if (!verdict.passes()) return denied(request, *login.app, identity, verdict);
  identity.subject = subject_of(tokens_.issuer(), identity.email);
  identity.nonce = random_id(kNonceBytes);
  identity.expires = now + config_.session_duration.count();
  AuditRow row;
  row.kind = "login";
  row.identity = identity.email;
  row.application = login.app->config->hostname;
  row.peer = request.peer;
  row.ray = request.ray;
  audit(std::move(row));
  Answer answer = finish_login(login, identity, true);
  set_cookie(answer, kTokenCookie, tokens_.org_token(identity, now, config_.session_duration),
             identity.expires);
  return answer;
}

Answer AccessSite::auth_logout() const {
  Answer answer = message_page(
      200, "Signed out", "This browser is signed out.",
      "Tokens that a program holds stay good until they end: remove them with 'cfpipe access logout'.");
  clear_cookie(answer, kTokenCookie);
  clear_cookie(answer, kFormCookie);
  return answer;
}

}  // namespace cfpipe::edge
