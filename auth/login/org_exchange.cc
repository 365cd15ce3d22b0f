#include "auth/login/org_exchange.h"

#include "base/access_headers.h"

namespace cfpipe::auth {
namespace {

namespace net = boost::asio;
using transport::HttpAnswer;
using transport::HttpRequest;
using transport::Url;

constexpr std::string_view kLoginPath = "/cdn-cgi/access/login";
constexpr std::string_view kAuthorizedPath = "/cdn-cgi/access/authorized";
constexpr std::chrono::milliseconds kExchangeDeadline{15'000};
/// From this age on discovery's answer is asked for again: a login's address may be good for a short time
/// only.
constexpr std::chrono::milliseconds kAnswerFresh{10'000};

bool holds(const Url& url, std::string_view path) {
  return url.path().find(path) != std::string_view::npos;
}

/// False: that leads nowhere, and the walk is spoilt.
bool begin_with_discovery(ExchangeWalk& walk, const Application& application) {
  const bool fresh =
      application.answer && std::chrono::steady_clock::now() - application.answered < kAnswerFresh;
  return fresh && walk.take(*application.answer) == ExchangeWalk::Verdict::again && walk.at_login();
}

}  // namespace

ExchangeWalk::ExchangeWalk(const Url& app, const Application& application, const Secret& org_token)
    : at_(app), app_(app), auth_domain_(application.auth_domain), org_token_(&org_token) {}

bool ExchangeWalk::at_login() const {
  return at_.authority() == auth_domain_ && holds(at_, kLoginPath);
}

HttpRequest ExchangeWalk::request() const {
  HttpRequest request("HEAD", at_);
  request.deadline = kExchangeDeadline;
  if (at_login()) {
    request.headers.emplace_back("Cookie", "CF_Authorization=" + std::string(org_token_->reveal()));
  } else if (!session_.empty() && holds(at_, kAuthorizedPath) &&
             at_.authority() == session_from_.authority()) {
    request.headers.emplace_back("Cookie", "CF_AppSession=" + std::string(session_.reveal()));
  }
  return request;
}

ExchangeWalk::Verdict ExchangeWalk::none(std::string why) {
  why_ = std::move(why);
  return Verdict::none;
}

ExchangeWalk::Verdict ExchangeWalk::take(const HttpAnswer& answer) {
  if (holds(at_, kAuthorizedPath) && at_.authority() == app_.authority()) {
    token_ = Secret(answer.cookie("CF_Authorization"));
    return token_.empty() ? none("no token in the answer of " + at_.host.text()) : Verdict::token;
  }
  if (auto session = answer.cookie("CF_AppSession"); !session.empty()) {
    session_ = Secret(std::move(session));
    session_from_ = at_;
  }
  if (const auto reason = answer.header(kReasonHeader); answer.status == 403 && !reason.empty()) {
    why_ = printable(reason);
    return Verdict::denied;
  }
  if (answer.status < 300 || answer.status >= 400) {
    return none(at_.host.text() + " answered " + std::to_string(answer.status));
  }
  auto next = transport::resolve_url(at_, answer.header("Location"));
  if (!next) return none(at_.host.text() + " redirects to nowhere");
  if (next->authority() != app_.authority() && next->authority() != auth_domain_) {
    return none(at_.host.text() + " redirects to " + printable(next->host.text()));
  }
  at_ = std::move(*next);
  if (++requests_ >= kMaxExchangeRequests) return none("too many redirects");
  return Verdict::again;
}

Secret ExchangeWalk::token() {
  return std::move(token_);
}

net::awaitable<Result<std::optional<Secret>>> exchange_org_token(const Access& access,
                                                                 const Application& application,
                                                                 const Secret& org_token) {
  ExchangeWalk walk(access.app, application, org_token);
  if (!begin_with_discovery(walk, application)) walk = ExchangeWalk(access.app, application, org_token);
  for (;;) {
    const HttpRequest request = walk.request();
    auto answer = co_await access.http(request.url).send(request);
    if (!answer) co_return answer.error();
    const auto verdict = walk.take(*answer);
    if (verdict == ExchangeWalk::Verdict::again) continue;
    if (verdict == ExchangeWalk::Verdict::denied) {
      Failure failure(Stage::login, Cause::denied, walk.why());
      failure.http_status = answer->status;
      failure.ray = printable(answer->header("Cf-Ray"), 64);
      co_return failure;
    }
    if (verdict == ExchangeWalk::Verdict::none) {
      access.observer.note("org token not exchanged: " + walk.why());
      co_return std::optional<Secret>();
    }
    Secret token = walk.token();
    if (auto good = check_app_token(token.reveal(), application, access.edge_now()); !good) {
      access.observer.note("org token exchanged for a token that cannot be used: " + good.error().detail);
      co_return std::optional<Secret>();
    }
    co_return std::optional<Secret>(std::move(token));
  }
}

}  // namespace cfpipe::auth
