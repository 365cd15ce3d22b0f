#include "auth/discovery/redirect_discovery.h"

#include <algorithm>

#include "base/text.h"
#include "transport/http/status.h"

namespace cfpipe::auth {
namespace {

namespace net = boost::asio;
using transport::HttpAnswer;
using transport::HttpRequest;
using transport::Url;

constexpr std::string_view kLoginPath = "/cdn-cgi/access/login";
/// Timeout for one request of the walk.
constexpr std::chrono::milliseconds kWalkDeadline{15'000};

bool is_login(const Url& url) {
  return url.path().find(kLoginPath) != std::string_view::npos;
}

}  // namespace

RedirectWalk::RedirectWalk(const Url& app, const TrustedDomains& trusted, std::string_view named_domain)
    : app_(app), trusted_(trusted), named_domain_(named_domain), at_(app) {
  at_.target = std::string(app.path());
}

HttpRequest RedirectWalk::request() const {
  HttpRequest request("HEAD", at_);
  request.deadline = kWalkDeadline;
  return request;
}

RedirectWalk::Verdict RedirectWalk::failed(Cause cause, std::string why) {
  failure_ = Failure(Stage::application, cause, std::move(why));
  return Verdict::failed;
}

RedirectWalk::Verdict RedirectWalk::found(std::string_view aud, std::string_view domain,
                                          std::string auth_domain) {
  if (!is_aud(aud)) return failed(Cause::metadata_invalid, "the login names no application");
  if (!covers(domain, app_)) {
    return failed(Cause::metadata_invalid,
                  domain.empty() ? "the login does not say for which host it is"
                                 : "the login is for " + printable(domain) + ", not " + app_.host.text());
  }
  application_.auth_domain = lower(auth_domain);
  application_.aud = aud;
  application_.app_hostname = lower(domain.substr(0, domain.find('/')));
  application_.app_hostname += domain.substr(std::min(domain.find('/'), domain.size()));
  return Verdict::found;
}

/// A host without a login (service tokens only) still names its AUD, but not its auth domain.
RedirectWalk::Verdict RedirectWalk::refused(const HttpAnswer& answer) {
  const auto aud = answer.header("CF-Access-Aud");
  if (aud.empty()) return failed(Cause::not_an_application, app_.host.text());
  if (named_domain_.empty()) return failed(Cause::denied, app_.host.text());
  application_.any_port = named_domain_.find(':') == std::string::npos;
  return found(aud, answer.header("CF-Access-Domain"), named_domain_);
}

RedirectWalk::Verdict RedirectWalk::take(const HttpAnswer& answer) {
  if (at_login_) return found(at_.query("kid"), answer.header("CF-Access-Domain"), at_.authority());
  if (answer.status == 401 || answer.status == 403) return refused(answer);
  if (const auto cause = transport::unavailable(answer.status)) return failed(*cause, app_.host.text());
  if (answer.status < 300 || answer.status >= 400) return failed(Cause::not_an_application, app_.host.text());
  auto next = transport::resolve_url(at_, answer.header("Location"));
  if (!next) return failed(Cause::not_an_application, app_.host.text());
  at_login_ = is_login(*next);
  if (at_login_) {
    if (const auto trusted = trusted_.check(next->authority()); !trusted) {
      failure_ = trusted.error();
      return Verdict::failed;
    }
  } else if (next->authority() != app_.authority()) {
    return failed(Cause::not_an_application, app_.host.text());
  }
  if (++requests_ > kMaxWalkRequests) return failed(Cause::not_an_application, "too many redirects");
  at_ = std::move(*next);
  return Verdict::again;
}

net::awaitable<Result<Application>> discover_by_redirects(const Access& access,
                                                          std::optional<HttpAnswer> first_answer) {
  RedirectWalk walk(access.app, access.trusted, access.named_domain);
  std::optional<HttpAnswer> answer = std::move(first_answer);
  for (;;) {
    if (!answer) {
      const HttpRequest request = walk.request();
      auto got = co_await access.http(request.url).send(request);
      if (!got) co_return got.error();
      answer = std::move(*got);
    }
    const Url asked = walk.at();
    const auto verdict = walk.take(*answer);
    if (verdict == RedirectWalk::Verdict::found) co_return walk.application();
    if (verdict == RedirectWalk::Verdict::failed) co_return with_answer(walk.failure(), *answer, asked);
    answer.reset();
  }
}

}  // namespace cfpipe::auth
