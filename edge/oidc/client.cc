#include "edge/oidc/client.h"

#include <algorithm>
#include <cstdlib>

#include "auth/token/jwks.h"
#include "auth/token/signing_keys.h"
#include "base/base64.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "edge/config/provider_proxy.h"
#include "edge/config/secret_file.h"
#include "edge/oidc/http.h"
#include "edge/oidc/metadata.h"
#include "edge/oidc/single_flight.h"

namespace cfpipe::edge {
namespace net = boost::asio;
using auth::SigningKeys;
using transport::HttpAnswer;
using transport::percent_encode;
namespace {

/// Longest error code of a provider that is repeated (RFC 6749 5.2), in bytes.
constexpr std::size_t kMaxErrorBytes = 64;

Failure provider_failure(std::string why) {
  return {Stage::login, Cause::login_failed, std::move(why)};
}

Failure unreadable_id_token(std::string_view compact, const Failure& why) {
  std::string what =
      compact.empty() ? "its answer holds no ID token" : "its ID token cannot be read: the " + why.detail;
  return {Stage::login, Cause::token_invalid, std::move(what)};
}

/// What a provider names its own refusal: one word, or nothing.
std::string error_of(const HttpAnswer& answer) {
  const auto body = parse_json_object(answer.body);
  const std::string error = body ? text_of(*body, "error") : std::string();
  return error.empty() ? "" : " (" + printable(error, kMaxErrorBytes) + ")";
}

Failure bad_status(const char* what, const HttpAnswer& answer) {
  return provider_failure(std::string(what) + " answered " + std::to_string(answer.status) +
                          error_of(answer));
}

Failure too_many() {
  return {Stage::login, Cause::too_many_requests, "too many people are signing in at once"};
}

/// The code has not been looked at then, and may be shown once more.
bool refuses_the_client(const HttpAnswer& answer) {
  if (answer.status != 400 && answer.status != 401) return false;
  const auto body = parse_json_object(answer.body);
  return body && text_of(*body, "error") == "invalid_client";
}

/// RFC 9110 8.3.1: without regard to case, and to parameters.
bool is_jwt(const HttpAnswer& answer) {
  const std::string_view type = answer.header("Content-Type");
  return same_text(trimmed(type.substr(0, type.find(';'))), "application/jwt");
}

Failure wrong_signature(SigningKeys::Check check, const auth::Jwt& token, const std::string& what) {
  std::string why = "the signature of its " + what + " does not hold";
  if (check == SigningKeys::Check::unknown_key)
    why = "its " + what + " is signed with a key it does not publish";
  if (check == SigningKeys::Check::unsupported)
    why = "its " + what + " is signed under '" + printable(text_of(token.header, "alg"), kMaxAlgorithmBytes) +
          "', which is not taken; have the provider sign it with RS256 or ES256";
  return {Stage::login, Cause::token_invalid, why};
}

/// `select_account` (OpenID Connect Core 1.0, 3.1.2.1) for another user, unless the provider is to ask
/// anyway.
std::string prompt_of(const std::string& configured, bool another_user) {
  const bool asks =
      configured.find("login") != std::string::npos || configured.find("select_account") != std::string::npos;
  return another_user && !asks ? "select_account" : configured;
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : " ") + word;
  return out;
}

/// What may stand in an Authorization header (RFC 6750 2.1).
bool fits_a_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

std::string challenge_of(const std::string& verifier) {
  return base64url(sha256(verifier));
}

}  // namespace

struct Oidc::Impl {
  Impl(net::any_io_executor e, OidcConfig c, Secret s, std::shared_ptr<const transport::ProxySettings> p,
       WantedClaims w, Now n)
      : executor(e),
        config(std::move(c)),
        secret(std::move(s)),
        wanted(std::move(w)),
        now(std::move(n)),
        http(e, config.ca_file, std::move(p)),
        calls(std::move(e), kProviderCalls) {}

  net::any_io_executor executor;
  OidcConfig config;
  Secret secret;
  WantedClaims wanted;
  Now now;
  ProviderHttp http;
  Cached<ProviderMetadata> metadata;
  Cached<SigningKeys> keys;
  std::int64_t keys_forced = 0;           ///< when they were fetched last because of a token
  SecretIn secret_in = SecretIn::header;  ///< what was right last, where the provider announces nothing
  FairSlots calls;

  template <class T>
  using Shared = Result<std::shared_ptr<const T>>;
  template <class T>
  using Fetch = net::awaitable<Result<T>> (Impl::*)();

  net::awaitable<Result<ProviderMetadata>> fetch_metadata();
  net::awaitable<Result<SigningKeys>> fetch_keys();
  template <class T>
  net::awaitable<Shared<T>> current(Cached<T>& cached, Fetch<T> fetch, std::int64_t max_age, bool again);
  net::awaitable<Shared<ProviderMetadata>> provider();
  net::awaitable<Result<void>> check_signature(const auth::Jwt& token, const char* what);
  net::awaitable<Result<boost::json::object>> exchange(const ProviderMetadata& provider,
                                                       const AuthorizationRequest& sign_in,
                                                       const ProviderReturn& back);
  net::awaitable<Result<boost::json::object>> userinfo(const ProviderMetadata& provider,
                                                       const std::string& access_token);
  net::awaitable<Result<boost::json::object>> signed_userinfo(const HttpAnswer& answer);
  net::awaitable<Result<UserInfo>> more_about(const auth::Jwt& token, const ProviderMetadata& provider,
                                              const std::string& access_token);
  net::awaitable<Result<Person>> redeem(const AuthorizationRequest& sign_in, const ProviderReturn& back);
  ProviderRequest token_request(const ProviderMetadata& provider, const AuthorizationRequest& sign_in,
                                const ProviderReturn& back, SecretIn way) const;
};

net::awaitable<Result<ProviderMetadata>> Oidc::Impl::fetch_metadata() {
  const auto url = discovery_url(config.issuer);
  if (!url) co_return provider_failure("its issuer " + url.error().detail);
  const ProviderRequest request("GET", *url);
  auto answer = co_await http.send(request);
  if (!answer) co_return answer.error();
  if (answer->status != 200) co_return bad_status("its openid-configuration", *answer);
  auto described = parse_provider_metadata(answer->body, config.issuer);
  if (described)
    for (const std::string& fault : described->faults)
      spdlog::warn("identity provider {}: {}", config.issuer, fault);
  co_return described;
}

net::awaitable<Result<SigningKeys>> Oidc::Impl::fetch_keys() {
  const auto described = metadata.value;
  if (!described) co_return provider_failure("it has not said where its keys are");
  ProviderRequest request("GET", described->keys);
  request.max_answer_bytes = auth::kMaxJwksBytes;
  auto answer = co_await http.send(request);
  if (!answer) co_return answer.error();
  if (answer->status != 200) co_return bad_status("its key set", *answer);
  auto parsed = SigningKeys::parse(answer->body);
  if (!parsed) co_return provider_failure(parsed.error().detail);
  co_return std::move(*parsed);
}

/// What is kept while it is young enough, else what a fetch brings; `again`: a fetch at any rate. A provider
/// that does not answer is not asked again at once, and what it said earlier goes on being believed for a
/// while.
template <class T>
net::awaitable<Oidc::Impl::Shared<T>> Oidc::Impl::current(Cached<T>& cached, Fetch<T> fetch,
                                                          std::int64_t max_age, bool again) {
  if (!again && cached.younger_than(max_age, now())) co_return cached.value;
  // Another request is in flight: use what is cached unless it is too old for that.
  if (!again && cached.flight.under_way() && cached.younger_than(kStaleDiscoverySeconds, now()))
    co_return cached.value;
  if (cached.flight.waiting() >= kMaxWaitingForProvider) co_return too_many();
  if (!cached.failed_within(kFailedFetchSeconds, now())) {
    const bool mine = co_await cached.flight.join(executor);
    if (mine) {
      auto fetched = co_await (this->*fetch)();
      const std::int64_t then = now();
      if (fetched) {
        cached.value = std::make_shared<const T>(std::move(*fetched));
        cached.time = then;
        cached.failed = 0;
      } else {
        cached.failure = fetched.error();
        cached.failed = then;
        spdlog::warn("identity provider {}: {}", config.issuer, cached.failure.detail);
      }
      cached.flight.finish();
    }
  }
  if (cached.failed == 0 || cached.younger_than(kStaleDiscoverySeconds, now())) co_return cached.value;
  co_return cached.failure;
}

net::awaitable<Oidc::Impl::Shared<ProviderMetadata>> Oidc::Impl::provider() {
  co_return co_await current<ProviderMetadata>(metadata, &Impl::fetch_metadata, kDiscoverySeconds, false);
}

/// With the keys that are known, and where they do not know the token's, once more with fresh ones: that is
/// how a provider changes its keys. Tokens of unknown keys cannot cause a request each.
net::awaitable<Result<void>> Oidc::Impl::check_signature(const auth::Jwt& token, const char* what) {
  auto known = co_await current<SigningKeys>(keys, &Impl::fetch_keys, kKeysSeconds, false);
  if (!known) co_return known.error();
  auto check = (*known)->check(token);
  if (check == SigningKeys::Check::unknown_key && std::abs(now() - keys_forced) >= kForcedKeysSeconds) {
    keys_forced = now();
    known = co_await current<SigningKeys>(keys, &Impl::fetch_keys, kKeysSeconds, true);
    if (!known) co_return known.error();
    check = (*known)->check(token);
  }
  if (check == SigningKeys::Check::good) co_return Result<void>();
  co_return wrong_signature(check, token, what);
}

ProviderRequest Oidc::Impl::token_request(const ProviderMetadata& provider,
                                          const AuthorizationRequest& sign_in, const ProviderReturn& back,
                                          SecretIn way) const {
  ProviderRequest out("POST", provider.token);
  out.headers.emplace_back("Content-Type", "application/x-www-form-urlencoded");
  out.body = "grant_type=authorization_code&code=" + percent_encode(back.code) +
             "&redirect_uri=" + percent_encode(sign_in.redirect_uri) +
             "&code_verifier=" + percent_encode(sign_in.verifier);
  const std::string id = percent_encode(config.client_id);
  const std::string password = percent_encode(secret.reveal());
  if (secret.empty()) {
    out.body += "&client_id=" + id;
  } else if (way == SecretIn::header) {
    // RFC 6749 2.3.1: both halves are form-encoded first.
    out.headers.emplace_back("Authorization", "Basic " + base64(id + ":" + password));
  } else {
    out.body += "&client_id=" + id + "&client_secret=" + password;
  }
  return out;
}

/// The tokens that the code is good for. Where the provider does not announce how it wants to see the secret,
/// and refuses it as it was shown, it is shown the other way.
net::awaitable<Result<boost::json::object>> Oidc::Impl::exchange(const ProviderMetadata& provider,
                                                                 const AuthorizationRequest& sign_in,
                                                                 const ProviderReturn& back) {
  const bool announced = provider.secret_in != SecretIn::either;
  const SecretIn first = announced ? provider.secret_in : secret_in;
  const ProviderRequest request = token_request(provider, sign_in, back, first);
  auto answer = co_await http.send(request);
  if (answer && !announced && !secret.empty() && refuses_the_client(*answer)) {
    const SecretIn other = first == SecretIn::header ? SecretIn::body : SecretIn::header;
    const ProviderRequest again = token_request(provider, sign_in, back, other);
    answer = co_await http.send(again);
    if (answer && answer->status == 200) secret_in = other;
  }
  if (!answer) co_return answer.error();
  if (answer->status != 200) co_return bad_status("its token endpoint", *answer);
  auto body = parse_json_object(answer->body);
  if (!body) co_return provider_failure("its token endpoint's answer is not a JSON object");
  co_return std::move(*body);
}

net::awaitable<Result<boost::json::object>> Oidc::Impl::userinfo(const ProviderMetadata& provider,
                                                                 const std::string& access_token) {
  ProviderRequest request("GET", *provider.userinfo);
  request.headers.emplace_back("Authorization", "Bearer " + access_token);
  auto answer = co_await http.send(request);
  if (!answer) co_return answer.error();
  if (answer->status != 200) co_return bad_status("its userinfo endpoint", *answer);
  if (is_jwt(*answer)) co_return co_await signed_userinfo(*answer);
  auto body = parse_json_object(answer->body);
  if (!body) co_return provider_failure("its userinfo endpoint's answer is not a JSON object");
  co_return std::move(*body);
}

/// OpenID Connect Core 1.0, 5.3.2: a JWT, signed with the keys that sign ID tokens. One that is encrypted has
/// five parts, and is none that parse_jwt() takes.
net::awaitable<Result<boost::json::object>> Oidc::Impl::signed_userinfo(const HttpAnswer& answer) {
  auto token = auth::parse_jwt(trimmed(answer.body));
  if (!token)
    co_return provider_failure("its userinfo is no signed JWT, or an encrypted one, which is not read: the " +
                               token.error().detail);
  const auto good = co_await check_signature(*token, "userinfo");
  if (!good) co_return good.error();
  if (auto meant = check_signed_userinfo(*token, config); !meant) co_return meant.error();
  co_return std::move(token->claims);
}

/// What the ID token leaves out. That it cannot be had ends the sign-in only if an address is missing.
net::awaitable<Result<UserInfo>> Oidc::Impl::more_about(const auth::Jwt& token,
                                                        const ProviderMetadata& provider,
                                                        const std::string& access_token) {
  UserInfo out;
  if (!needs_userinfo(token.claims, config, wanted) || !provider.userinfo || !fits_a_token(access_token))
    co_return out;
  auto info = co_await userinfo(provider, access_token);
  if (!info && needs_address(token.claims, config)) co_return info.error();
  if (!info) {
    spdlog::warn("a sign-in goes on without what the provider leaves unsaid: {}", info.error().detail);
    out.failed = true;
    co_return out;
  }
  out.claims = std::move(*info);
  // An empty answer is about no user.
  if (out.claims.empty()) out.claims["sub"] = "";
  co_return out;
}

net::awaitable<Result<Person>> Oidc::Impl::redeem(const AuthorizationRequest& sign_in,
                                                  const ProviderReturn& back) {
  if (back.code.empty() || back.code.size() > kMaxProviderCodeBytes)
    co_return provider_failure("it sent you back without a code that can be used");
  const auto described = co_await provider();
  if (!described) co_return described.error();
  const ProviderMetadata& from = **described;
  if ((from.names_itself || !back.issuer.empty()) && back.issuer != config.issuer)
    co_return provider_failure("another provider than the one that was asked sent you back");
  const auto tokens = co_await exchange(from, sign_in, back);
  if (!tokens) co_return tokens.error();
  const std::string compact = text_of(*tokens, "id_token");
  const auto token = auth::parse_jwt(compact);
  if (!token) co_return unreadable_id_token(compact, token.error());
  const auto good = co_await check_signature(*token, "ID token");
  if (!good) co_return good.error();
  if (auto meant = check_id_token(*token, config, sign_in.nonce, now()); !meant) co_return meant.error();
  const std::string access_token = text_of(*tokens, "access_token");
  const auto more = co_await more_about(*token, from, access_token);
  if (!more) co_return more.error();
  auto person = person_of(token->claims, *more, config, wanted);
  if (person) person->id_token = compact;
  co_return person;
}

Result<std::unique_ptr<Oidc>> Oidc::make(net::any_io_executor executor, const OidcConfig& config,
                                         WantedClaims wanted, Now now) {
  Secret secret;
  if (!config.client_secret_file.empty()) {
    auto read = read_secret_file(config.client_secret_file);
    if (!read) {
      return Failure(Stage::config, Cause::file_unusable,
                     "client_secret_file " + config.client_secret_file + ": " + read.error().detail);
    }
    secret = std::move(*read);
  }
  auto proxy = provider_proxy(config, [](const char* name) { return std::getenv(name); });
  if (!proxy) return proxy.error();
  if (*proxy)
    spdlog::info("identity provider {}: through proxy {}", config.issuer,
                 (*proxy)->fault ? "(unusable) " + (*proxy)->fault->detail : (*proxy)->proxy.shown());
  return std::unique_ptr<Oidc>(new Oidc(std::make_shared<Impl>(
      std::move(executor), config, std::move(secret), std::move(*proxy), std::move(wanted), std::move(now))));
}

net::awaitable<Result<std::string>> Oidc::authorization_url(const AuthorizationRequest& sign_in) {
  const auto impl = impl_;
  const auto described = co_await impl->provider();
  if (!described) co_return described.error();
  std::string query = "response_type=code&client_id=" + percent_encode(impl->config.client_id) +
                      "&redirect_uri=" + percent_encode(sign_in.redirect_uri) +
                      "&scope=" + percent_encode(joined(impl->config.scopes)) +
                      "&state=" + percent_encode(sign_in.state) + "&nonce=" + percent_encode(sign_in.nonce) +
                      "&code_challenge=" + challenge_of(sign_in.verifier) + "&code_challenge_method=S256";
  const std::string prompt = prompt_of(impl->config.prompt, sign_in.another_user);
  if (!prompt.empty()) query += "&prompt=" + percent_encode(prompt);
  co_return (*described)->authorization.with_query(query);
}

net::awaitable<Result<Person>> Oidc::redeem(const AuthorizationRequest& sign_in, const ProviderReturn& back,
                                            PartyKey from) {
  const auto impl = impl_;
  const auto slot = co_await impl->calls.take(std::move(from));
  if (!slot) co_return too_many();
  co_return co_await impl->redeem(sign_in, back);
}

net::awaitable<std::optional<std::string>> Oidc::sign_out_url(const std::string& id_token,
                                                              const std::string& back_to) {
  const auto impl = impl_;
  if (!impl->config.sign_out_at_provider) co_return std::nullopt;
  const auto described = co_await impl->provider();
  if (!described || !(*described)->end_session) co_return std::nullopt;
  std::string query = "client_id=" + percent_encode(impl->config.client_id) +
                      "&post_logout_redirect_uri=" + percent_encode(back_to);
  if (!id_token.empty()) query += "&id_token_hint=" + percent_encode(id_token);
  co_return (*described)->end_session->with_query(query);
}

const std::optional<ProviderHealth>& Oidc::health() const {
  return impl_->http.health();
}

net::awaitable<Result<void>> Oidc::look() {
  const auto impl = impl_;
  const auto described = co_await impl->provider();
  if (!described) co_return described.error();
  co_return Result<void>();
}

}  // namespace cfpipe::edge
