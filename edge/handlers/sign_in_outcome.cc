// The session, the code, the question or the denial that a sign-in comes to.
#include "edge/handlers/sign_in_outcome.h"

#include <boost/json/serialize.hpp>
#include <utility>

#include "base/log.h"
#include "base/text.h"
#include "edge/handlers/decision.h"
#include "edge/http/cookies.h"
#include "edge/http/device.h"
#include "edge/http/responses.h"
#include "edge/identity/consent.h"
#include "edge/store/audit_text.h"

namespace cfpipe::edge {
namespace {

constexpr std::size_t kFormCookieCharacters = 43;
/// Also the session's name in the audit.
constexpr std::size_t kIdentityNonceBytes = 12;

}  // namespace

Answer too_often(std::string_view title, const Request& request, std::int64_t wait) {
  Answer answer =
      message_page(429, title, "There were too many from your address (" + request.peer + ").",
                   "Try again in " + std::to_string(wait) + (wait == 1 ? " second." : " seconds."));
  answer.headers.emplace_back("Retry-After", std::to_string(wait));
  return answer;
}

void SignInOutcome::tell_program(const std::string& target, const Identity& identity,
                                 const auth::TransferRefusal& refusal) {
  if (!for_a_program(target)) return;
  const std::string receiver = receiver_of(target);
  if (!TransferStore::valid_key(receiver)) return;
  const auto kept = transfers_.refuse(party_of(identity), receiver, refusal);
  if (!kept) spdlog::error("transfer store: {}", kept.error().detail);
  if (kept && *kept != Outstanding::Added::yes) context_.counters.add(Count::limited, "transfers");
}

Answer SignInOutcome::denied(const Request& request, const Login& login, const Identity& identity,
                             const Verdict& verdict) {
  const std::string& host = login.app->config->hostname;
  tell_program(login.target, identity,
               {false, identity.email + " may not reach " + host + ": " + reason_of(verdict)});
  return gate_.denied(request, *login.app, identity, verdict, {login.host, login.target});
}

Answer SignInOutcome::declined(const Request& request, const Login& login, const Identity& identity) {
  tell_program(login.target, identity, {true, "access was declined in the browser"});
  record_denial(context_, RowCause::declined, request, *login.app, identity,
                "declined to give a program access");
  return message_page(200, "Declined", "The program that asked gets no access.",
                      "You can close this window.");
}

std::string SignInOutcome::form_state(const Request& request, const Login& login, Answer& answer) const {
  std::string cookie = cookie_value(request, kFormCookie);
  if (cookie.size() != kFormCookieCharacters) cookie = random_id();
  const std::int64_t until = context_.now() + kLoginSeconds;
  set_cookie(answer, kFormCookie, cookie, until);
  const boost::json::object state{{"aud", login.app->aud},
                                  {"host", login.host},
                                  {"session", login.session_hash},
                                  {"target", login.target},
                                  {"form", hex(sha256(cookie))}};
  return context_.signed_state.write("form", state, until);
}

std::string SignInOutcome::consent(const Login& login) const {
  if (!for_a_program(login.target)) return {};
  return consent_text({login.app->config->hostname, login.target,
                       transfers_.poller(receiver_of(login.target)), context_.now()});
}

Answer SignInOutcome::confirm_page(const Request& request, const Login& login,
                                   const Identity& identity) const {
  Answer cookies;
  Page page;
  page.file = "confirm.html";
  page.title = "Let a program in?";
  page.values = {
      {"email", identity.email}, {"consent", consent(login)}, {"state", form_state(request, login, cookies)}};
  page.form_target = "https://" + context_.authority(login.host);
  Answer answer = page_answer(200, page);
  answer.headers.insert(answer.headers.end(), cookies.headers.begin(), cookies.headers.end());
  return answer;
}

Answer SignInOutcome::finish(const Login& login, const Identity& identity, bool asked) {
  // The dashboard is on this host, which has its cookie.
  if (login.app->config->hostname == context_.config.auth_host)
    return redirect_answer("https://" + context_.auth_authority() + login.target);
  const std::int64_t now = context_.now();
  const std::string code = random_id();
  boost::json::object content{{"aud", login.app->aud},
                              {"host", login.host},
                              {"session", login.session_hash},
                              {"target", login.target},
                              {"org_exp", identity.expires}};
  write_identity(content, identity);
  if (login.exchange) content["exchange"] = true;
  if (asked && for_a_program(login.target)) {
    content["receiver"] = hex(sha256(receiver_of(login.target)));
    if (wants_org_token(login.target)) content["org"] = true;
  }
  const std::string name = hex(sha256(code));
  const auto added = codes_.add(party_of(identity), name, now + kCodeSeconds, now);
  if (added == Outstanding::Added::too_many_of_owner) {
    context_.counters.add(Count::limited, "codes");
    return message_page(429, "Too many sign-ins",
                        "Too many sign-ins of " + identity.email + " are under way at once.",
                        "Try again in a minute.");
  }
  const auto kept =
      context_.store.pending().put("code", name, boost::json::serialize(content), now + kCodeSeconds, now);
  if (!kept) spdlog::error("state: {}", kept.error().detail);
  if (!kept || !*kept) {
    codes_.taken(name);
    if (kept) context_.counters.add(Count::limited, "codes");
    return message_page(503, "Not available", "This edge cannot keep the sign-in.", "Try again in a minute.");
  }
  return redirect_answer("https://" + context_.authority(login.host) +
                         "/cdn-cgi/access/authorized?code=" + code);
}

Result<std::optional<boost::json::object>> SignInOutcome::take_code(const std::string& code) {
  const std::string name = hex(sha256(code));
  const auto taken = context_.store.pending().take("code", name, context_.now());
  codes_.taken(name);
  if (!taken) return taken.error();
  if (!*taken) return std::optional<boost::json::object>();
  return parse_json_object(**taken);
}

bool SignInOutcome::start_session(const Request& request, const Login& login, Identity& identity) {
  if (!context_.grants()) return false;
  identity.nonce = random_id(kIdentityNonceBytes);
  identity.issued = context_.now();
  identity.expires = identity.issued + context_.config.session_duration.count();
  AuditRow row = row_of("login", request);
  context_.counters.add(Count::logins, login.app->config->hostname);
  row.identity = identity.email;
  row.application = login.app->config->hostname;
  row.login_method = identity.provider;
  row.reason = session_note(identity.nonce);
  row.session = identity.nonce;
  row.session_expires = identity.expires;
  row.session_device = device_of(request.header("User-Agent"));
  if (!context_.record(std::move(row))) return false;
  tunnels_.learn(identity);
  return true;
}

void SignInOutcome::set_session(const Identity& identity, Answer& answer) const {
  const std::string token =
      context_.tokens.org_token(identity, Holder::browser, identity.issued, context_.config.session_duration);
  set_cookie(answer, kBrowserTokenCookie, token, identity.expires);
}

}  // namespace cfpipe::edge
