#include "auth/discovery/discovery.h"

#include <memory>
#include <optional>

#include "auth/discovery/application_cache.h"
#include "auth/discovery/redirect_discovery.h"
#include "auth/token/jwks.h"
#include "base/access_headers.h"
#include "base/clock.h"
#include "base/text.h"
#include "transport/http/status.h"

namespace cfpipe::auth {
namespace {

namespace net = boost::asio;
using transport::HttpAnswer;
using transport::HttpRequest;
using transport::Url;

/// Remembered auth domains that are read at most.
constexpr std::size_t kMaxTrustedDomains = 256;
constexpr std::string_view kLoginPathPrefix = "/cdn-cgi/access/login";
/// Timeout for one request of discovery.
constexpr std::chrono::milliseconds kDiscoveryDeadline{15'000};

std::string keys_file(std::string_view auth_domain) {
  return std::string(auth_domain) + "-jwks";
}

Result<std::vector<std::string>> remembered_domains(const StateDir& state) {
  auto file = state.read(kTrustedDomainsFile);
  if (!file) return file.error();
  std::vector<std::string> domains;
  if (!*file) return domains;
  std::string_view rest = (*file)->reveal();
  while (!rest.empty() && domains.size() < kMaxTrustedDomains) {
    const auto end = rest.find('\n');
    const auto line = trimmed(rest.substr(0, end));
    if (!line.empty() && line.front() != '#') domains.emplace_back(line);
    rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
  }
  return domains;
}

/// Key set on disk that is young enough, with its age in seconds.
struct CachedKeys {
  KeySet keys;
  std::int64_t age;
};
std::optional<CachedKeys> cached_keys(const StateDir& state, std::string_view auth_domain) {
  const auto name = keys_file(auth_domain);
  const auto age = state.age(name);
  if (!age || *age < 0 || *age > kJwksMaxAge) return std::nullopt;
  auto text = state.read(name);
  if (!text || !*text) return std::nullopt;
  auto keys = KeySet::parse((*text)->reveal());
  if (!keys) return std::nullopt;
  return CachedKeys{std::move(*keys), *age};
}

net::awaitable<Result<KeySet>> fetch_keys(const Access& access, std::string auth_domain) {
  auto url = transport::parse_url("https://" + auth_domain + "/cdn-cgi/access/certs");
  if (!url) co_return Failure(Stage::application, Cause::metadata_invalid, "auth_domain is not a host name");
  HttpRequest request("GET", *url);
  request.deadline = kDiscoveryDeadline;
  auto answer = co_await access.http(*url).send(request);
  if (!answer) co_return answer.error();
  if (answer->status >= 300 && answer->status < 400) {
    co_return with_answer(
        Failure(Stage::application, Cause::redirect_refused, "the key set of " + auth_domain), *answer, *url);
  }
  if (answer->status != 200) {
    const Cause cause = transport::unavailable(answer->status).value_or(Cause::unexpected_status);
    co_return with_answer(Failure(Stage::application, cause, "the key set of " + auth_domain), *answer, *url);
  }
  auto keys = KeySet::parse(answer->body);
  if (!keys) co_return keys.error();
  // A key set that cannot be kept costs a request at the next start, nothing more.
  if (auto kept = access.state.write(keys_file(auth_domain), answer->body); !kept) {
    access.observer.note("key set not cached: " + kept.error().detail);
  }
  co_return std::move(*keys);
}

/// Where metadata is only too new by this machine's clock, and that clock is known to be behind, it is
/// believed. Where it is too old it is not: a host that passes off an old statement may write any date.
Result<Application> believe(const Access& access, const Jwt& metadata, const KeySet& keys) {
  const auto verify_at = [&](std::int64_t now) {
    return verify_metadata(metadata, keys, access.app, access.trusted, now);
  };
  auto app = verify_at(unix_now());
  if (app || access.clock_offset == 0) return app;
  auto there = verify_at(access.edge_now());
  if (!there) return app;
  if (access.clock_offset < 0) {
    return Failure(Stage::application, Cause::clock_wrong,
                   "this one is " + spoken_offset(access.clock_offset));
  }
  access.observer.clock_differs(access.clock_offset);
  return there;
}

/// Verifies with the cached keys, and once more with fresh ones if those do not know the signature.
net::awaitable<Result<Application>> verify(const Access& access, const Jwt& metadata,
                                           std::string auth_domain) {
  if (auto cached = cached_keys(access.state, auth_domain)) {
    if (cached->keys.verifies(metadata) || cached->age < kJwksMinRefetchAge) {
      co_return believe(access, metadata, cached->keys);
    }
  }
  auto keys = co_await fetch_keys(access, auth_domain);
  if (!keys) co_return keys.error();
  co_return believe(access, metadata, *keys);
}

/// Writes down the auth domain the user named, now that it has signed for an application of its own.
void remember(const Access& access, const std::string& auth_domain) {
  if (access.named_domain.empty()) return;
  auto domains = remembered_domains(access.state);
  if (!domains || domains->size() >= kMaxTrustedDomains) return;
  TrustedDomains without;
  for (const auto& domain : *domains) without.add(domain);
  if (without.check(auth_domain)) return;
  TrustedDomains named;
  named.add(access.named_domain);
  if (!named.check(auth_domain)) return;
  std::string text;
  for (const auto& domain : *domains) text += domain + '\n';
  text += access.named_domain + '\n';
  if (auto kept = access.state.write(kTrustedDomainsFile, text); !kept) {
    access.observer.note("auth domain not remembered: " + kept.error().detail);
  }
}

void found_out(const Access& access, const Application& app) {
  access.observer.note("application " + app.app_hostname + " of " + app.auth_domain);
  remember(access, app.auth_domain);
  if (access.remembers) remember_application(access, app);
}

/// Whether a request without a token got past the access gate: it was sent to no login and not refused. What
/// lies behind may have answered anything.
bool let_through(const HttpAnswer& answer, const Url& url) {
  if (answer.status == 401 || answer.status == 403) return false;
  if (answer.status < 300 || answer.status >= 400) return true;
  const auto to = transport::resolve_url(url, answer.header("Location"));
  return !to || !to->path().starts_with(kLoginPathPrefix);
}

}  // namespace

Result<TrustedDomains> load_trusted_domains(const StateDir& state, std::string_view named) {
  auto domains = remembered_domains(state);
  if (!domains) return domains.error();
  TrustedDomains trusted;
  for (auto& domain : *domains) trusted.add(std::move(domain));
  if (!named.empty()) trusted.add(std::string(named));
  return trusted;
}

bool may_be_open(const Failure& failure) {
  return failure.cause == Cause::not_an_application || failure.cause == Cause::edge_unavailable;
}

net::awaitable<Result<Application>> discover(const Access& access) {
  auto found = co_await find_application(access);
  if (!found) co_return found.error();
  co_return std::move(found->app);
}

net::awaitable<Result<FoundApplication>> find_application(const Access& access) {
  HttpRequest request("HEAD", access.app);
  request.headers.emplace_back("Cf-Access-Metadata-Request", "true");
  request.deadline = kDiscoveryDeadline;
  access.service_token.add_to(request.headers);
  auto answer = co_await access.app_http.send(request);
  if (!answer) co_return answer.error();
  access.clock_offset = clock_offset(answer->header("Date"), unix_now());
  const std::string compact(answer->header("Cf-Access-Metadata"));
  if (compact.empty()) {
    // A response to a service token is no use here: only an unauthenticated request is sent to the login.
    auto first = access.service_token.given() ? std::nullopt : std::optional(std::move(*answer));
    auto app = co_await discover_by_redirects(access, std::move(first));
    if (!app) co_return app.error();
    found_out(access, *app);
    co_return FoundApplication{std::move(*app), false};
  }
  auto metadata = parse_jwt(compact);
  if (!metadata) co_return Failure(Stage::application, Cause::metadata_invalid, metadata.error().detail);
  auto auth_domain = claimed_auth_domain(*metadata, access.trusted);
  if (!auth_domain) co_return auth_domain.error();
  auto app = co_await verify(access, *metadata, *auth_domain);
  if (!app) co_return app.error();
  found_out(access, *app);
  const auto reason = answer->header(kReasonHeader);
  if (answer->status == 403 && !reason.empty() && !access.service_token.given()) {
    co_return with_answer(Failure(Stage::application, Cause::denied, printable(reason)), *answer, access.app);
  }
  FoundApplication found;
  found.open = let_through(*answer, access.app);
  found.app = std::move(*app);
  found.app.answered = std::chrono::steady_clock::now();
  found.app.answer = std::make_shared<const HttpAnswer>(std::move(*answer));
  co_return found;
}

net::awaitable<void> check_known_application(const Access& access) {
  const auto found = co_await discover(access);
  // A network that fails says nothing about the application.
  if (!found && found.error().stage == Stage::application) forget_application(access);
}

}  // namespace cfpipe::auth
