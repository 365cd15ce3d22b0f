// The auth domain: sign-in at an identity provider, from the redirect that leads there to the one that leads
// on from the answer. What is under way is in a cookie of the browser alone, so that nobody can fill the
// edge's state with sign-ins that are never finished.
#include "edge/handlers/provider_sign_in.h"

#include <algorithm>
#include <cctype>

#include "auth/token/jwt.h"
#include "base/log.h"
#include "base/text.h"
#include "edge/handlers/decision.h"
#include "edge/handlers/return_link.h"
#include "edge/http/cookies.h"
#include "edge/http/responses.h"
#include "edge/identity/consent.h"
#include "transport/net/url.h"

namespace cfpipe::edge {
namespace net = boost::asio;
namespace {

/// Sign-ins that one browser may have under way at once, each in a cookie of its own; a further one takes the
/// place of another.
constexpr std::size_t kFlows = 6;
/// Host-bound by its name: no other host of the domain can plant it.
constexpr std::string_view kFlowCookie = "__Host-cfpipe-sign-in-";
/// The provider that was chosen last in this browser, and for how long that is remembered, in seconds.
constexpr std::string_view kChoiceCookie = "__Host-cfpipe-provider";
constexpr std::int64_t kChoiceSeconds = std::int64_t{180} * 24 * 3600;
/// A cookie's number, then 32 random bytes in base64url.
constexpr std::size_t kStateCharacters = 1 + 43;
/// Longest target that fits into such a cookie, in bytes; a longer one becomes the application's front page.
constexpr std::size_t kMaxFlowTargetBytes = 1536;
/// Longest ID token that is kept for signing out, in bytes: browsers drop cookies beyond 4 KiB.
constexpr std::size_t kMaxKeptIdTokenBytes = 3584;
/// Longest error code of the provider that is repeated, in bytes, and longest description.
constexpr std::size_t kMaxErrorBytes = 64;
constexpr std::size_t kMaxDescriptionBytes = 200;

std::string flow_cookie(char number) {
  return std::string(kFlowCookie) + number;
}

/// A number that no sign-in of this browser has, or else any.
char free_number(const Request& request) {
  for (std::size_t i = 0; i < kFlows; ++i) {
    const char number = static_cast<char>('0' + i);
    if (cookie_value(request, flow_cookie(number)).empty()) return number;
  }
  return static_cast<char>('0' + static_cast<unsigned char>(random_bytes(1)[0]) % kFlows);
}

Failure other_provider() {
  return {Stage::login, Cause::login_failed, "another provider than the one that was asked sent you back"};
}

Answer stale_sign_in() {
  return message_page(400, "Sign-in not completed",
                      "This sign-in was completed already, took too long, or was begun in another browser.",
                      "Start again from the address you wanted to reach. Cookies must be allowed.");
}

std::string callback_of(const OidcConfig& provider) {
  return std::string(kCallbackPath) + (provider.own_callback ? "/" + provider.name : "");
}

int status_of(const Failure& failure) {
  if (failure.cause == Cause::denied) return 403;
  return failure.cause == Cause::unreachable || failure.cause == Cause::too_many_requests ? 503 : 502;
}

}  // namespace

/// Nonce and verifier need not be kept: both are made of the state and the provider, with a key that never
/// leaves this edge.
AuthorizationRequest ProviderSignIn::request_of(const std::string& state, const Provider& provider) const {
  const std::string bound = provider.config.name + " " + state;
  AuthorizationRequest out;
  out.redirect_uri = "https://" + context_.auth_authority() + callback_of(provider.config);
  out.state = state;
  out.nonce = context_.signed_state.derive("oidc-nonce", bound);
  out.verifier = context_.signed_state.derive("oidc-verifier", bound);
  return out;
}

std::shared_ptr<ProviderSignIn::Provider> ProviderSignIn::find(std::string_view name) const {
  const auto found = std::find_if(providers_.begin(), providers_.end(),
                                  [name](const auto& one) { return one->config.name == name; });
  return found == providers_.end() ? nullptr : *found;
}

Result<ProviderSignIn::Providers> ProviderSignIn::make_providers(const EdgeContext& context,
                                                                 const Config& config) {
  Providers out;
  if (config.identity_provider != IdentityProvider::oidc) return out;
  const WantedClaims wanted{!groups_named(config).empty(), claims_named(config)};
  for (const OidcConfig& one : config.providers) {
    auto made = Oidc::make(context.executor, one, wanted, context.clock);
    if (!made) return made.error();
    out.push_back(std::make_shared<Provider>(Provider{one, std::move(*made)}));
  }
  return out;
}

ProviderSignIn::Providers ProviderSignIn::of(const Application& app) const {
  Providers out;
  for (const auto& one : providers_)
    if (takes_sign_ins_of(*app.config, one->config.name)) out.push_back(one);
  return out;
}

net::awaitable<void> ProviderSignIn::check_providers() {
  const Providers all = providers_;  // a reload makes others meanwhile
  for (const auto& one : all) {
    const auto looked = co_await one->oidc->look();
    if (looked && find(one->config.name) == one) spdlog::info("people sign in at {}", one->config.issuer);
  }
}

std::map<std::string, ProviderHealth, std::less<>> ProviderSignIn::health() const {
  std::map<std::string, ProviderHealth, std::less<>> out;
  for (const auto& one : providers_)
    if (const auto& health = one->oidc->health()) out.emplace(one->config.name, *health);
  return out;
}

/// Links, for a form's answer may not lead to another site (form-action). The one that was chosen last comes
/// first.
Answer ProviderSignIn::choice_page(const Request& request, const Login& login,
                                   const Providers& providers) const {
  const std::int64_t until = context_.now() + kLoginSeconds;
  const std::string meta = context_.signed_state.write(
      "login", {{"aud", login.app->aud}, {"host", login.host}, {"session", login.session_hash}}, until);
  const std::string link =
      "https://" + context_.auth_authority() + "/cdn-cgi/access/login/" + login.host +
      "?kid=" + login.app->aud + "&redirect_url=" + transport::percent_encode(login.target) +
      "&meta=" + transport::percent_encode(meta) + "&" + std::string(kProviderParameter) + "=";
  const std::string last = cookie_value(request, kChoiceCookie);
  std::string first, others;
  for (const auto& one : providers) {
    const std::string& name = one->config.name;
    const bool again = name == last;
    (again ? first : others) += filled_page("choice.html", {{"link", link + transport::percent_encode(name)},
                                                            {"name", name},
                                                            {"last", again ? " (as last time)" : ""}});
  }
  Page page;
  page.file = "choose.html";
  page.title = "Sign in";
  page.values = {{"application", login.app->name.text()},
                 {"consent", outcome_.consent(login)},
                 {"choices", first + others}};
  return page_answer(200, page);
}

net::awaitable<Answer> ProviderSignIn::begin(const Request& request, Login login,
                                             std::shared_ptr<Provider> provider) {
  const char number = free_number(request);
  const std::string state = number + random_id();
  AuthorizationRequest sign_in = request_of(state, *provider);
  sign_in.another_user = !return_url(context_, cookie_value(request, kAnotherUserCookie)).empty();
  const auto url = co_await provider->oidc->authorization_url(sign_in);
  if (!url) co_return not_signed_in(request, login, url.error());
  const std::int64_t until = context_.now() + kLoginSeconds;
  const bool fits = login.target.size() <= kMaxFlowTargetBytes;
  const boost::json::object flow{{"aud", login.app->aud},
                                 {"host", login.host},
                                 {"session", login.session_hash},
                                 {"target", fits ? login.target : "/"},
                                 {"provider", provider->config.name},
                                 {"state", hex(sha256(state))}};
  Answer answer = redirect_answer(*url);
  set_cookie(answer, flow_cookie(number), context_.signed_state.write("sign-in", flow, until), until);
  if (sign_in.another_user) clear_cookie(answer, kAnotherUserCookie);
  if (providers_.size() > 1)
    set_cookie(answer, kChoiceCookie, provider->config.name, context_.now() + kChoiceSeconds);
  co_return answer;
}

/// A state is good once, in the browser that it was made for, for as long as its cookie is. What has been
/// seen here is not worth another word to the provider; which process of an edge that restarts was the first,
/// the state says.
net::awaitable<Answer> ProviderSignIn::finish(const Request& request) {
  const std::string state = request.query_value("state");
  if (state.size() != kStateCharacters || state[0] < '0' || state[0] >= static_cast<char>('0' + kFlows))
    co_return stale_sign_in();
  const std::string cookie = flow_cookie(state[0]);
  const auto flow = context_.signed_state.read("sign-in", cookie_value(request, cookie), context_.now());
  Login login;
  if (flow) login.app = applications_.find_by_aud(text_of(*flow, "aud"));
  if (flow) login.host = text_of(*flow, "host");
  if (login.app == nullptr || !login.app->name.covers_host(login.host) ||
      !same_secret(text_of(*flow, "state"), hex(sha256(state))) || !states_.first(state)) {
    co_return stale_sign_in();
  }
  login.session_hash = text_of(*flow, "session");
  login.target = text_of(*flow, "target");
  auto provider = find(text_of(*flow, "provider"));
  if (!provider) co_return stale_sign_in();
  // What came back to another provider's address is that one's answer, and nobody else is to see its code.
  const bool asked = request.path == callback_of(provider->config);
  Answer answer;
  if (asked) {
    answer = co_await redeem(request, std::move(login), state, std::move(provider));
  } else {
    answer = not_signed_in(request, login, other_provider());
  }
  clear_cookie(answer, cookie);
  co_return answer;
}

net::awaitable<Answer> ProviderSignIn::redeem(const Request& request, Login login, std::string state,
                                              std::shared_ptr<Provider> provider) {
  if (const std::string error = request.query_value("error"); !error.empty()) {
    const std::string text = printable(request.query_value("error_description"), kMaxDescriptionBytes);
    Failure refused(Stage::login, Cause::denied,
                    "your identity provider did not sign you in (" + printable(error, kMaxErrorBytes) + ")");
    if (!text.empty()) refused.detail += ": " + text;
    co_return not_signed_in(request, login, refused);
  }
  const AuthorizationRequest sign_in = request_of(state, *provider);
  const ProviderReturn back{request.query_value("code"), request.query_value("iss")};
  const auto person = co_await provider->oidc->redeem(sign_in, back, address_key(request.peer));
  // What is right is another configuration's business by now.
  if (find(provider->config.name) != provider) co_return stale_sign_in();
  if (!person) co_return not_signed_in(request, login, person.error());
  // The process before or after this one may have seen the same answer, while an edge restarts.
  const auto first = context_.store.pending().use_once("sign-in", hex(sha256(state)),
                                                       context_.now() + kLoginSeconds, context_.now());
  if (!first) co_return state_trouble(first.error());
  if (!*first) co_return stale_sign_in();
  Answer answer = signed_in(request, login, *person, provider->config);
  if (provider->config.sign_out_at_provider && person->id_token.size() <= kMaxKeptIdTokenBytes)
    set_cookie(answer, kIdTokenCookie, person->id_token,
               context_.now() + context_.config.session_duration.count(), kLogoutPath);
  co_return answer;
}

/// Whoever has only been led through the provider has agreed to nothing: for a program they are asked.
Answer ProviderSignIn::signed_in(const Request& request, const Login& login, const Person& person,
                                 const OidcConfig& provider) {
  Identity identity;
  identity.email = person.email;
  identity.provider = provider.name;
  identity.groups = groups_to_carry(person.groups, groups_named(context_.config));
  if (person.groups.unknown)
    spdlog::warn("{} signs in with unknown groups, which meet every rule that keeps people out: {}",
                 person.email, phrase_of(*person.groups.unknown));
  identity.claims = claims_to_carry(person.claims, claims_named(context_.config));
  const Verdict verdict = judge(request, *login.app, identity, Asking::for_identity);
  if (!verdict.passes()) return outcome_.denied(request, login, identity, verdict);
  identity.subject = subject_of(provider.issuer, person.subject);
  if (!outcome_.start_session(request, login, identity)) return unrecordable();
  const bool program = for_a_program(login.target);
  Answer answer =
      program ? outcome_.confirm_page(request, login, identity) : outcome_.finish(login, identity, false);
  outcome_.set_session(identity, answer);
  return answer;
}

/// Where the browser signs out at the provider that the person signed in at; nothing if there is none to ask.
net::awaitable<std::optional<std::string>> ProviderSignIn::sign_out_url(const Request& request,
                                                                        std::optional<Identity> identity) {
  const std::string id_token = cookie_value(request, kIdTokenCookie);
  auto provider = identity ? find(identity->provider) : nullptr;
  if (const auto claims = auth::parse_jwt(id_token); !provider && claims)
    for (const auto& one : providers_)
      if (one->config.issuer == claims->text("iss")) provider = one;
  if (!provider && providers_.size() == 1) provider = providers_.front();
  if (!provider) co_return std::nullopt;
  const std::string back_to = "https://" + context_.auth_authority() + "/cdn-cgi/access/signed-out";
  co_return co_await provider->oidc->sign_out_url(id_token, back_to);
}

/// Said to the person, and recorded.
Answer ProviderSignIn::not_signed_in(const Request& request, const Login& login, const Failure& failure) {
  const int status = status_of(failure);
  const bool about_person = failure.cause == Cause::denied;
  const std::string what = about_person ? failure.detail : "identity provider: " + failure.detail;
  record_denial(context_, RowCause::failed_sign_in, request, *login.app, {}, what);
  if (failure.cause == Cause::too_many_requests) context_.counters.add(Count::limited, "provider");
  context_.counters.add(Count::failed_logins, login.app->config->hostname);
  std::string hint = "Request " + request.ray + ".";
  if (status == 503) hint = "Try again in a minute. " + hint;
  if (status == 502) hint = "If it stays like this, show this page to the administrator of the edge. " + hint;
  if (status == 403)
    hint = "If you should have access, ask the administrator of the identity provider. " + hint;
  std::string text = about_person ? what : "You could not be signed in: " + what;
  text[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(text[0])));
  Page page;
  page.file = "failed.html";
  page.title = "Sign-in not completed";
  page.values = {{"text", text + "."},
                 {"hint", hint},
                 {"other", about_person ? link_html(another_user(context_, {login.host, login.target})) : ""},
                 {"again", "https://" + context_.authority(login.host) + login.target}};
  return page_answer(status, page);
}

}  // namespace cfpipe::edge
