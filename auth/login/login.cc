#include "auth/login/login.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <functional>
#include <memory>

#include "auth/discovery/cloudflare.h"
#include "auth/login/browser.h"
#include "auth/login/login_turn.h"
#include "auth/login/org_exchange.h"
#include "auth/login/short_link.h"
#include "auth/login/token_cache.h"
#include "auth/login/url_file.h"
#include "base/access_headers.h"
#include "base/clock.h"
#include "transport/http/status.h"

namespace cfpipe::auth {
namespace {

namespace net = boost::asio;
using transport::HttpAnswer;
using transport::HttpRequest;
using transport::Url;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kServiceLoginDeadline{15'000};
/// Reports that the browser failed, but not before the user has been shown what to open instead.
class BrowserReport {
 public:
  explicit BrowserReport(LoginObserver& observer) : observer_(observer) {}
  void browser_ended(const BrowserEnd& end) {
    if (end.why.empty()) return;
    failed_ = end;
    report();
  }
  void link_is_shown() {
    link_is_shown_ = true;
    report();
  }

 private:
  void report() {
    if (!failed_ || !link_is_shown_) return;
    observer_.browser_failed(failed_->why, failed_->opened);
    failed_.reset();
  }

  LoginObserver& observer_;
  std::optional<BrowserEnd> failed_;
  bool link_is_shown_ = false;
};

void start_browser(net::any_io_executor executor, std::vector<BrowserCommand> commands,
                   std::weak_ptr<BrowserReport> report) {
  auto opening = open_browser(std::move(commands));
  net::co_spawn(executor, std::move(opening), [report](std::exception_ptr, const BrowserEnd& end) {
    if (const auto listening = report.lock()) listening->browser_ended(end);
  });
}

bool worth_another_poll(const Failure& failure) {
  return failure.cause == Cause::timed_out || failure.cause == Cause::closed_early;
}

/// Asks the transfer store until the user is through with the login.
net::awaitable<Result<TransferredTokens>> poll_transfer(const Access& access, Url url,
                                                        const TransferReceiver& receiver) {
  net::steady_timer pause(co_await net::this_coro::executor);
  HttpRequest request("GET", url);
  const auto give_up = Clock::now() + access.login_timeout;
  for (auto started = Clock::now(); started < give_up; started = Clock::now()) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(give_up - started);
    request.deadline = std::min<std::chrono::milliseconds>(kTransferPoll, left);
    auto answer = co_await access.http(url).send(request);
    if (!answer && !worth_another_poll(answer.error())) co_return answer.error();
    if (answer) {
      auto tokens = read_transfer(*answer, receiver);
      if (!tokens) co_return tokens.error();
      if (*tokens) co_return std::move(**tokens);
    }
    pause.expires_at(std::min(started + kTransferPause,
                              give_up));  // a store that answers at once is not asked in a tight loop
    co_await pause.async_wait(net::as_tuple(net::use_awaitable));
  }
  co_return Failure(Stage::login, Cause::login_timed_out);
}

net::awaitable<Result<TransferredTokens>> browser_login(const Access& access, const Application& app) {
  const TransferReceiver receiver;
  LoginPage page{login_page(access.app, app.aud, receiver.public_key(), access.auto_close), {}};
  auto store = transport::parse_url(transfer_url(app.auth_domain, receiver.public_key(), access.fedramp));
  if (!store) co_return Failure(Stage::login, Cause::login_failed, "the auth domain is not a host name");

  std::vector<BrowserCommand> commands;
  if (access.open_browser) commands = browser_commands(BrowserEnvironment::current(), page.url);
  const bool browser_is_opened = !commands.empty();
  const auto report = std::make_shared<BrowserReport>(access.observer);
  if (browser_is_opened) start_browser(co_await net::this_coro::executor, std::move(commands), report);
  // The browser is on its way to the page meanwhile. What others read is there once the link is, so that they
  // show the same.
  page.link = co_await ask_short_link(access, app.auth_domain, page.url);
  const UrlFile for_this_application(access.state, app_token_file(app), page);
  const UrlFile for_the_team(access.state, org_token_file(app.auth_domain), page);
  access.observer.login_url(page.shown(app.auth_domain), browser_is_opened);
  report->link_is_shown();
  co_return co_await poll_transfer(access, std::move(*store), receiver);
}

/// The org token, if there is one, turned into an app token.
net::awaitable<Result<std::optional<Secret>>> exchanged(const Access& access, const Application& app,
                                                        const Secret& org_token) {
  auto token = co_await exchange_org_token(access, app, org_token);
  if (!token) co_return token.error();
  if (*token) {
    if (auto kept = keep_app_token(access.state, app, **token, unix_now()); !kept) co_return kept.error();
  }
  co_return std::move(*token);
}

Failure bad_token_from_login(const Failure& why) {
  return {Stage::login, Cause::token_invalid, why.detail};
}

/// Logs in with the browser and keeps what that brings. Both locks are held by the caller.
net::awaitable<Result<Secret>> login_and_keep(const Access& access, const Application& app) {
  auto tokens = co_await browser_login(access, app);
  if (!tokens) co_return tokens.error();
  const auto org_good = check_org_token(tokens->org_token.reveal(), app, access.edge_now());
  if (org_good) {
    if (auto kept = keep_org_token(access.state, app, tokens->org_token); !kept) co_return kept.error();
  } else if (!tokens->org_token.empty()) {
    access.observer.note("org token not kept: " + org_good.error().detail);
  }
  if (tokens->app_token.empty()) {
    if (!org_good) co_return bad_token_from_login(org_good.error());
    auto token = co_await exchanged(access, app, tokens->org_token);
    if (!token) co_return token.error();
    if (!*token)
      co_return Failure(Stage::login, Cause::login_failed, "the login brought no application token");
    co_return std::move(**token);
  }
  if (auto good = check_app_token(tokens->app_token.reveal(), app, access.edge_now()); !good)
    co_return bad_token_from_login(good.error());
  if (auto kept = keep_app_token(access.state, app, tokens->app_token, unix_now()); !kept)
    co_return kept.error();
  co_return std::move(tokens->app_token);
}

/// Tells the user that the login is done, as whom, and until when no other one is needed.
void tell_logged_in(const Access& access, const Application& app, const Secret& token) {
  const auto claims = parse_jwt(token.reveal());
  std::int64_t until = claims ? claims->number("exp") : 0;
  const auto org_token = cached_org_token(access.state, app, access.edge_now(), IfUnusable::keep);
  if (org_token && *org_token) {
    const auto org_claims = parse_jwt((*org_token)->reveal());
    if (org_claims && until > 0) until = std::max(until, org_claims->number("exp"));
  }
  if (until > 0) until -= access.clock_offset;
  access.observer.logged_in(claims ? std::string(claims->text("email")) : std::string(), until);
}

/// The cached org token, unless it is `rejected`.
Result<std::optional<Secret>> org_token_but(const Access& access, const Application& app,
                                            const Secret& rejected) {
  auto token = cached_org_token(access.state, app, access.edge_now());
  if (token && *token && (*token)->reveal() == rejected.reveal()) return std::optional<Secret>();
  return token;
}

/// The org token, or the lock to log in under: one login per team at a time, since each brings an org token
/// that serves the others. The application's lock is held by the caller.
net::awaitable<Result<Turn>> team_turn(const Access& access, const Application& app, const Secret& rejected) {
  const Look look = [&] { return org_token_but(access, app, rejected); };
  auto token = look();
  if (!token) co_return token.error();
  if (*token) co_return Turn{std::move(*token), std::nullopt, false};
  co_return co_await take_turn(access, app, org_token_file(app.auth_domain), look, app_token_file(app));
}

/// Logs in with the browser, under the locks of the application and the team.
net::awaitable<Result<Secret>> log_in_under(const Access& access, const Application& app,
                                            std::optional<LoginLock>& team) {
  auto token = co_await login_and_keep(access, app);
  settle(team, token);
  if (token) tell_logged_in(access, app, *token);
  co_return token;
}

/// Under the application's lock: by the org token, or by the browser.
net::awaitable<Result<Secret>> log_in(const Access& access, const Application& app) {
  Secret failed;      // an org token that did not open this application is not tried twice
  bool told = false;  // that another process was logging in
  for (;;) {
    auto turn = co_await team_turn(access, app, failed);
    if (!turn) co_return turn.error();
    told = told || turn->told;
    if (!turn->token) co_return co_await log_in_under(access, app, turn->lock);
    auto token = co_await exchanged(access, app, *turn->token);
    if (!token) co_return token.error();
    if (*token && told) tell_logged_in(access, app, **token);
    if (*token) co_return std::move(**token);
    failed = std::move(*turn->token);
  }
}

/// Under the application's lock: the org token that another process has got, or that of a login.
net::awaitable<Result<Secret>> log_in_to_team(const Access& access, const Application& app,
                                              const Secret& rejected) {
  auto turn = co_await team_turn(access, app, rejected);
  if (!turn) co_return turn.error();
  if (turn->token) {
    if (turn->told) tell_logged_in(access, app, *turn->token);
    co_return std::move(*turn->token);
  }
  auto token = co_await log_in_under(access, app, turn->lock);
  if (!token) co_return token.error();
  auto org_token = org_token_but(access, app, rejected);
  if (!org_token) co_return org_token.error();
  if (!*org_token)
    co_return Failure(Stage::login, Cause::login_failed,
                      "the login brought the token of one application alone");
  co_return std::move(**org_token);
}

/// A service token needs no login: the edge answers the headers with the application token as a cookie.
net::awaitable<Result<Secret>> service_login(const Access& access, const Application& app) {
  HttpRequest request("HEAD", access.app);
  request.deadline = kServiceLoginDeadline;
  access.service_token.add_to(request.headers);
  auto answer = co_await access.app_http.send(request);
  if (!answer) co_return answer.error();
  Secret token(answer->cookie("CF_Authorization"));
  if (token.empty()) {
    const Cause cause = transport::unavailable(answer->status).value_or(Cause::service_token_rejected);
    Failure failure(Stage::login, cause, printable(answer->header(kReasonHeader)));
    failure.http_status = answer->status;
    failure.ray = printable(answer->header("Cf-Ray"), 64);
    co_return failure;
  }
  if (auto good = check_app_token(token.reveal(), app, access.edge_now()); !good)
    co_return bad_token_from_login(good.error());
  co_return token;
}

using LogIn = std::function<net::awaitable<Result<Secret>>()>;

/// The token that `look` finds, or that another process gets meanwhile; else what `login` brings, under the
/// application's lock. Both outlive the call.
net::awaitable<Result<Secret>> found_or_got(const Access& access, const Application& app, const Look& look,
                                            const LogIn& login) {
  auto cached = look();
  if (!cached) co_return cached.error();
  if (*cached) co_return std::move(**cached);
  auto turn = co_await take_turn(access, app, app_token_file(app), look);
  if (!turn) co_return turn.error();
  if (turn->token) {
    if (turn->told) tell_logged_in(access, app, *turn->token);
    co_return std::move(*turn->token);
  }
  auto token = co_await login();
  settle(turn->lock, token);
  co_return token;
}

net::awaitable<Result<Secret>> find_app_token(const Access& access, const Application& app) {
  if (access.service_token.given()) co_return co_await service_login(access, app);
  const Look look = [&access, &app] { return cached_app_token(access.state, app, access.edge_now()); };
  const LogIn login = [&access, &app] { return log_in(access, app); };
  co_return co_await found_or_got(access, app, look, login);
}

}  // namespace

net::awaitable<Result<Secret>> obtain_app_token(const Access& access, const Application& app) {
  auto token = co_await find_app_token(access, app);
  const bool odd = token && !check_app_token(token->reveal(), app, unix_now());
  if (odd) access.observer.clock_differs(access.clock_offset);
  co_return token;
}

net::awaitable<Result<std::optional<Secret>>> renew_app_token(const Access& access, const Application& app) {
  if (access.service_token.given()) {
    auto token = co_await service_login(access, app);
    if (!token) co_return token.error();
    co_return std::optional<Secret>(std::move(*token));
  }
  auto cached = cached_app_token(access.state, app, access.edge_now());
  if (!cached || *cached) co_return cached;
  auto org_token = cached_org_token(access.state, app, access.edge_now());
  if (!org_token || !*org_token) co_return org_token;
  co_return co_await exchanged(access, app, **org_token);
}

net::awaitable<Result<Secret>> obtain_org_token(const Access& access, const Application& app,
                                                const Secret& rejected) {
  const Look look = [&] { return org_token_but(access, app, rejected); };
  const LogIn login = [&] { return log_in_to_team(access, app, rejected); };
  co_return co_await found_or_got(access, app, look, login);
}

std::string login_page(const Url& app, std::string_view aud, std::string_view public_key, bool auto_close) {
  const std::string key = transport::percent_encode(public_key);
  const std::string audience = transport::percent_encode(aud);
  Url back = app;
  back.target = std::string(app.path()) + "?aud=" + audience + "&token=" + key;
  Url page = app;
  page.target = "/cdn-cgi/access/cli?aud=" + audience;
  if (auto_close) page.target += "&close_interstitial=true";
  page.target += "&edge_token_transfer=true&redirect_url=" + transport::percent_encode(back.str()) +
                 "&send_org_token=true&token=" + key;
  return page.str();
}

std::string transfer_url(std::string_view auth_domain, std::string_view public_key, bool fedramp) {
  std::string store(auth_domain);
  if (is_cloudflares(auth_domain))
    store = fedramp ? "login.fed.cloudflareaccess.org" : "login.cloudflareaccess.org";
  // URL-safe base64 and its padding may stand in a path as they are (RFC 3986 3.3).
  return "https://" + store + "/transfer/" + std::string(public_key);
}

Result<std::optional<TransferredTokens>> read_transfer(const HttpAnswer& answer,
                                                       const TransferReceiver& receiver) {
  if (answer.status >= 500) {
    const Cause cause = transport::unavailable(answer.status).value_or(Cause::login_failed);
    Failure failure(Stage::login, cause, printable(answer.body));
    failure.http_status = answer.status;
    failure.ray = printable(answer.header("Cf-Ray"), 64);
    return failure;
  }
  // Ours says so when the browser was turned away. Whatever else is no box goes on as if nothing had come
  // yet.
  if (const auto sender = answer.header("Service-Public-Key"); answer.status == 403 && !sender.empty()) {
    if (const auto refusal = receiver.open_refusal(answer.body, sender))
      return Failure(Stage::login, refusal->declined ? Cause::login_failed : Cause::denied,
                     printable(refusal->reason));
  }
  if (answer.status != 200 || answer.body.empty()) return std::optional<TransferredTokens>();
  auto tokens = receiver.open(answer.body, answer.header("Service-Public-Key"));
  if (!tokens) return tokens.error();
  return std::optional<TransferredTokens>(std::move(*tokens));
}

}  // namespace cfpipe::auth
