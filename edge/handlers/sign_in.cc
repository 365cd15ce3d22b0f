// The auth domain: the sign-in page, its form, and the code that carries the result back to the application.
#include <spdlog/spdlog.h>

#include <boost/json/serialize.hpp>

#include "base/text.h"
#include "edge/handlers/consent.h"
#include "edge/handlers/router.h"
#include "edge/http/cookies.h"
#include "edge/http/responses.h"
#include "edge/store/audit_text.h"
#include "transport/net/url.h"

namespace cfpipe::edge {
namespace {

constexpr std::size_t kFormCookieCharacters = 43;
constexpr std::string_view kLoginPath = "/cdn-cgi/access/login/";
/// Also the session's name in the audit.
constexpr std::size_t kNonceBytes = 12;

Answer expired_form() {
  return message_page(400, "Sign-in not completed", "This page was open too long, or cookies are turned off.",
                      "Start again from the address you wanted to reach.");
}

}  // namespace

/// A program that waits for this sign-in waits no longer.
void AccessSite::tell_program(const std::string& target, const Identity& identity,
                              const auth::TransferRefusal& refusal) {
  if (!for_a_program(target)) return;
  const std::string receiver = receiver_of(target);
  if (!TransferStore::valid_key(receiver)) return;
  const auto kept = transfers_.refuse(party_of(identity), receiver, refusal);
  if (!kept) spdlog::error("transfer store: {}", kept.error().detail);
  if (kept && *kept != Outstanding::Added::yes) context_.counters.add(Count::limited, "transfers");
}

Answer AccessSite::denied_sign_in(const Request& request, const Login& login, const Identity& identity,
                                  const Verdict& verdict) {
  const std::string& host = login.app->config->hostname;
  tell_program(login.target, identity,
               {false, identity.email + " may not reach " + host + ": " + reason_of(verdict)});
  return denied(request, *login.app, identity, verdict, {login.host, login.target});
}

Answer AccessSite::declined(const Request& request, const Login& login, const Identity& identity) {
  tell_program(login.target, identity, {true, "access was declined in the browser"});
  record_denial(context_, RowCause::declined, request, *login.app, identity,
                "declined to give a program access");
  return message_page(200, "Declined", "The program that asked gets no access.",
                      "You can close this window.");
}

boost::asio::awaitable<Answer> AccessSite::login(const Request& request) {
  std::string host = percent_decode(std::string_view(request.path).substr(kLoginPath.size())).value_or("");
  const auto named = transport::Authority::parse(host);
  host = named ? named->host.text() : std::string();
  if (host != context_.config.auth_host && !applications_.has_host(host))
    co_return message_page(404, "Not found", "This edge serves no such application.");
  const auto target = safe_target(request.query_value("redirect_url"), context_.authority(host));
  if (!target) {
    co_return message_page(400, "This link is not right", "It leads away from " + host + ".",
                           "Start again from the address you wanted to reach.");
  }
  const auto app = applications_.for_login(host, *target, request.query_value("kid"));
  if (app == nullptr)
    co_return message_page(400, "This link is not right", "It names another application than its address.");
  const std::int64_t now = context_.now();
  const auto meta = context_.notes.read("login", request.query_value("meta"), now);
  Answer answer;
  if (!meta || text_of(*meta, "aud") != app->aud || text_of(*meta, "host") != host) {
    // No sign-in of this browser, or one that is too old: the application begins a new one.
    answer = redirect_answer("https://" + context_.authority(host) + *target);
  } else {
    Login login;
    login.app = app;
    login.host = host;
    login.session_hash = text_of(*meta, "session");
    login.target = *target;
    login.exchange = may_be_exchange(request);
    auto identity = login.exchange ? credentials_.check_org(request) : credentials_.browser_session(request);
    if (identity && !accepts_provider(*app, *identity)) identity.reset();
    const Verdict verdict = judge(request, *app, identity, Asking::for_identity);
    if (!identity) {
      answer = co_await begin_sign_in(request, login);
    } else if (!verdict.passes()) {
      answer = denied_sign_in(request, login, *identity, verdict);
    } else if (for_a_program(login.target)) {
      answer = confirm_page(request, login, *identity);
    } else {
      answer = finish_login(login, *identity, false);
    }
  }
  answer.headers.emplace_back("CF-Access-Domain", app->config->hostname);
  answer.headers.emplace_back("CF-Access-Aud", app->aud);
  co_return answer;
}

/// The answer to whoever has tried too often; nothing to all others, for whom this counts as another time.
std::optional<Answer> AccessSite::too_many_logins(const Request& request) {
  const std::int64_t wait = login_attempts_.take(address_key(request.peer), context_.now());
  if (wait == 0) return std::nullopt;
  context_.counters.add(Count::limited, "logins");
  Answer answer =
      message_page(429, "Too many sign-ins", "There were too many from your address (" + request.peer + ").",
                   "Try again in " + std::to_string(wait) + (wait == 1 ? " second." : " seconds."));
  answer.headers.emplace_back("Retry-After", std::to_string(wait));
  return answer;
}

/// A sign-in that came to nothing through its own fault is as good as another one that was begun.
Answer AccessSite::counted(const Request& request, Answer answer) {
  if (answer.status < 400 || answer.status >= 500 || answer.status == 429) return answer;
  return too_many_logins(request).value_or(std::move(answer));
}

boost::asio::awaitable<Answer> AccessSite::begin_sign_in(const Request& request, Login login) {
  Providers providers = providers_for(*login.app);
  if (const auto chosen = request.query_value(kProviderParameter); !chosen.empty())
    std::erase_if(providers, [&chosen](const auto& one) { return one->config.name != chosen; });
  if (!providers_.empty() && providers.empty())
    co_return message_page(400, "This link is not right",
                           "It names no identity provider of this application.",
                           "Start again from the address you wanted to reach.");
  if (providers.size() > 1) co_return choice_page(request, login, providers);
  if (auto refusal = too_many_logins(request)) co_return std::move(*refusal);
  if (providers.empty()) co_return sign_in_page(request, login, {});
  co_return co_await go_to_provider(request, std::move(login), providers.front());
}

/// The hidden field of a form: the sign-in, tied to a cookie of this browser, so that no other site can post
/// it.
std::string AccessSite::form_state(const Request& request, const Login& login, Answer& answer) const {
  std::string cookie = cookie_value(request, kFormCookie);
  if (cookie.size() != kFormCookieCharacters) cookie = random_id();
  const std::int64_t until = context_.now() + kLoginSeconds;
  set_cookie(answer, kFormCookie, cookie, until);
  const boost::json::object state{{"aud", login.app->aud},
                                  {"host", login.host},
                                  {"session", login.session_hash},
                                  {"target", login.target},
                                  {"form", hex(sha256(cookie))}};
  return context_.notes.write("form", state, until);
}

/// What the person agrees to by going on; nothing where no program asks.
std::string AccessSite::consent(const Login& login) const {
  if (!for_a_program(login.target)) return {};
  return consent_text({login.app->config->hostname, login.target,
                       transfers_.poller(receiver_of(login.target)), context_.now()});
}

Answer AccessSite::sign_in_page(const Request& request, const Login& login, std::string_view error) const {
  Answer cookies;
  Page page;
  page.file = "sign_in.html";
  page.title = "Sign in";
  page.values = {{"application", login.app->name.text()},
                 {"error", std::string(error)},
                 {"consent", consent(login)},
                 {"state", form_state(request, login, cookies)},
                 {"email", context_.config.dev_email}};
  page.form_target = "https://" + context_.authority(login.host);
  Answer answer = page_answer(error.empty() ? 200 : 400, page);
  answer.headers.insert(answer.headers.end(), cookies.headers.begin(), cookies.headers.end());
  return answer;
}

Answer AccessSite::confirm_page(const Request& request, const Login& login, const Identity& identity) const {
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

/// Leaves a one-time code for the application's /authorized. `asked`: the person saw what they agree to.
Answer AccessSite::finish_login(const Login& login, const Identity& identity, bool asked) {
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
      context_.store.put_pending("code", name, boost::json::serialize(content), now + kCodeSeconds, now);
  if (!kept) spdlog::error("state: {}", kept.error().detail);
  if (!kept || !*kept) {
    codes_.taken(name);
    if (kept) context_.counters.add(Count::limited, "codes");
    return message_page(503, "Not available", "This edge cannot keep the sign-in.", "Try again in a minute.");
  }
  return redirect_answer("https://" + context_.authority(login.host) +
                         "/cdn-cgi/access/authorized?code=" + code);
}

/// The provider's redirect, or a form of ours.
boost::asio::awaitable<Answer> AccessSite::callback(const Request& request) {
  if (!providers_.empty() && request.method == "GET") co_return co_await back_from_provider(request);
  if (request.method != "POST" || request.path != kCallbackPath)
    co_return method_not_allowed(providers_.empty() ? "POST" : "GET, POST");
  const std::int64_t now = context_.now();
  const std::string_view origin = request.header("Origin");
  if (!origin.empty() && !same_text(origin, "https://" + context_.auth_authority()))
    co_return message_page(403, "Refused", "This form was sent from another site.");
  const auto state = context_.notes.read("form", request.form_value("state"), now);
  if (!state || !same_secret(text_of(*state, "form"), hex(sha256(cookie_value(request, kFormCookie)))))
    co_return expired_form();
  Login login;
  login.app = applications_.find_by_aud(text_of(*state, "aud"));
  login.host = text_of(*state, "host");
  login.session_hash = text_of(*state, "session");
  login.target = text_of(*state, "target");
  if (login.app == nullptr || !login.app->name.covers_host(login.host)) co_return expired_form();

  const std::string typed = request.form_value("email");
  if (!typed.empty()) co_return dev_sign_in(request, login, typed);
  // The confirmation of somebody who is signed in already; has that ended meanwhile, they sign in again.
  const auto identity = credentials_.browser_session(request);
  if (!identity || !accepts_provider(*login.app, *identity)) co_return co_await begin_sign_in(request, login);
  if (request.form_value("answer") == "no") co_return declined(request, login, *identity);
  const Verdict verdict = judge(request, *login.app, identity, Asking::for_identity);
  if (!verdict.passes()) co_return denied_sign_in(request, login, *identity, verdict);
  co_return finish_login(login, *identity, true);
}

/// The built-in page asks for no password, and believes.
Answer AccessSite::dev_sign_in(const Request& request, const Login& login, std::string_view typed) {
  if (context_.config.identity_provider != IdentityProvider::dev) return expired_form();
  Identity identity;
  identity.provider = kDevProviderName;
  identity.email = std::string(trimmed(typed));
  if (!valid_email(identity.email)) return sign_in_page(request, login, "This is not an email address.");
  identity.groups =
      groups_to_carry({context_.config.dev_groups, std::nullopt}, groups_named(context_.config));
  const Verdict verdict = judge(request, *login.app, identity, Asking::for_identity);
  if (!verdict.passes()) return denied_sign_in(request, login, identity, verdict);
  identity.subject = subject_of(context_.tokens.issuer(), lower(identity.email));
  if (!start_session(request, login, identity)) return unrecordable();
  Answer answer = finish_login(login, identity, true);
  set_session(identity, answer);
  return answer;
}

/// Of all applications: what the auth domain's cookie stands for.
bool AccessSite::start_session(const Request& request, const Login& login, Identity& identity) {
  if (!context_.grants()) return false;
  identity.nonce = random_id(kNonceBytes);
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
  if (!context_.record(std::move(row))) return false;
  open_tunnels_.learn(std::make_shared<const Identity>(identity));
  end_tunnels_turned_out(&identity.email);
  return true;
}

void AccessSite::set_session(const Identity& identity, Answer& answer) const {
  const std::string token =
      context_.tokens.org_token(identity, Holder::browser, identity.issued, context_.config.session_duration);
  set_cookie(answer, kBrowserTokenCookie, token, identity.expires);
}

}  // namespace cfpipe::edge
