// The auth domain: the sign-in page, and its form.
#include "edge/handlers/sign_in.h"

#include <utility>

#include "base/text.h"
#include "edge/handlers/decision.h"
#include "edge/http/cookies.h"
#include "edge/http/responses.h"
#include "edge/identity/consent.h"
#include "transport/net/url.h"

namespace cfpipe::edge {
namespace {

/// True if the browser itself is at fault for the answer.
bool is_own_fault(const Answer& answer) {
  return answer.status >= 400 && answer.status < 500 && answer.status != 429;
}

Answer expired_form() {
  return message_page(400, "Sign-in not completed", "This page was open too long, or cookies are turned off.",
                      "Start again from the address you wanted to reach.");
}

}  // namespace

boost::asio::awaitable<Answer> SignIn::login(const Request& request) {
  std::string host = percent_decode(std::string_view(request.path).substr(kLoginPath.size())).value_or("");
  const auto named = Authority::parse(host);
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
  const auto meta = context_.signed_state.read("login", request.query_value("meta"), now);
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
      answer = co_await begin(request, login);
    } else if (!verdict.passes()) {
      answer = outcome_.denied(request, login, *identity, verdict);
    } else if (for_a_program(login.target)) {
      answer = outcome_.confirm_page(request, login, *identity);
    } else {
      answer = outcome_.finish(login, *identity, false);
    }
  }
  answer.headers.emplace_back("CF-Access-Domain", app->config->hostname);
  answer.headers.emplace_back("CF-Access-Aud", app->aud);
  co_return answer;
}

/// The answer to an address that has tried too often; nothing to all others, for which this counts as another
/// time.
std::optional<Answer> SignIn::too_many(const Request& request) {
  const std::int64_t wait = attempts_.take(address_key(request.peer), context_.now());
  if (wait == 0) return std::nullopt;
  context_.counters.add(Count::limited, "logins");
  return too_often("Too many sign-ins", request, wait);
}

boost::asio::awaitable<Answer> SignIn::begin(const Request& request, Login login) {
  ProviderSignIn::Providers providers = providers_.of(*login.app);
  if (const auto chosen = request.query_value(kProviderParameter); !chosen.empty())
    std::erase_if(providers, [&chosen](const auto& one) { return one->config.name != chosen; });
  if (providers_.any() && providers.empty())
    co_return message_page(400, "This link is not right",
                           "It names no identity provider of this application.",
                           "Start again from the address you wanted to reach.");
  if (providers.size() > 1) co_return providers_.choice_page(request, login, providers);
  if (auto refusal = too_many(request)) co_return std::move(*refusal);
  if (providers.empty()) co_return form_page(request, login, {});
  co_return co_await providers_.begin(request, std::move(login), providers.front());
}

Answer SignIn::form_page(const Request& request, const Login& login, std::string_view error) const {
  Answer cookies;
  Page page;
  page.file = "sign_in.html";
  page.title = "Sign in";
  page.values = {{"application", login.app->name.text()},
                 {"error", std::string(error)},
                 {"consent", outcome_.consent(login)},
                 {"state", outcome_.form_state(request, login, cookies)},
                 {"email", context_.config.dev_email}};
  page.form_target = "https://" + context_.authority(login.host);
  Answer answer = page_answer(error.empty() ? 200 : 400, page);
  answer.headers.insert(answer.headers.end(), cookies.headers.begin(), cookies.headers.end());
  return answer;
}

boost::asio::awaitable<Answer> SignIn::callback(const Request& request) {
  Answer answer = co_await called_back(request);
  if (!is_own_fault(answer)) co_return answer;
  co_return too_many(request).value_or(std::move(answer));
}

boost::asio::awaitable<Answer> SignIn::called_back(const Request& request) {
  if (providers_.any() && request.method == "GET") return providers_.finish(request);
  return answer_form(request);
}

boost::asio::awaitable<Answer> SignIn::answer_form(const Request& request) {
  if (request.method != "POST" || request.path != kCallbackPath)
    co_return method_not_allowed(providers_.any() ? "GET, POST" : "POST");
  const std::int64_t now = context_.now();
  const std::string_view origin = request.header("Origin");
  if (!origin.empty() && !same_text(origin, "https://" + context_.auth_authority()))
    co_return message_page(403, "Refused", "This form was sent from another site.");
  const auto state = context_.signed_state.read("form", request.form_value("state"), now);
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
  if (!identity || !accepts_provider(*login.app, *identity)) co_return co_await begin(request, login);
  if (request.form_value("answer") == "no") co_return outcome_.declined(request, login, *identity);
  const Verdict verdict = judge(request, *login.app, identity, Asking::for_identity);
  if (!verdict.passes()) co_return outcome_.denied(request, login, *identity, verdict);
  co_return outcome_.finish(login, *identity, true);
}

/// The built-in page asks for no password, and believes.
Answer SignIn::dev_sign_in(const Request& request, const Login& login, std::string_view typed) {
  if (context_.config.identity_provider != IdentityProvider::dev) return expired_form();
  Identity identity;
  identity.provider = kDevProviderName;
  identity.email = std::string(trimmed(typed));
  if (!valid_email(identity.email)) return form_page(request, login, "This is not an email address.");
  identity.groups =
      groups_to_carry({context_.config.dev_groups, std::nullopt}, groups_named(context_.config));
  const Verdict verdict = judge(request, *login.app, identity, Asking::for_identity);
  if (!verdict.passes()) return outcome_.denied(request, login, identity, verdict);
  identity.subject = subject_of(context_.tokens.issuer(), lower(identity.email));
  if (!outcome_.start_session(request, login, identity)) return unrecordable();
  Answer answer = outcome_.finish(login, identity, true);
  outcome_.set_session(identity, answer);
  return answer;
}

}  // namespace cfpipe::edge
