#include "auth/login/login.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <functional>
#include <memory>

#include "auth/login/browser.h"
#include "auth/login/org_exchange.h"
#include "auth/login/token_cache.h"
#include "auth/state/login_lock.h"
#include "base/access_headers.h"
#include "base/clock.h"
#include "base/platform/dir_watch.h"
#include "transport/http/status.h"

namespace cfpipe::auth {
namespace {

namespace net = boost::asio;
using transport::HttpAnswer;
using transport::HttpRequest;
using transport::Url;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kServiceLoginDeadline{15'000};
/// How long another process's login goes without a word about it: most take the org token and no time.
constexpr std::chrono::seconds kQuietWait{1};
/// Longest login URL that is shown, in bytes.
constexpr std::size_t kMaxShownUrl = 8192;

/// Result of waiting for a token file: the token that another process got, or the lock to get one.
struct Turn {
  std::optional<Secret> token;
  std::optional<LoginLock> lock;
};
using Look = std::function<Result<std::optional<Secret>>()>;

bool is_cloudflare(std::string_view auth_domain) {
  return auth_domain.ends_with(".cloudflareaccess.com");
}

std::string url_file(const std::string& token_file) {
  return token_file + ".url";
}

/// What the page of that login shows as its code, if it shows one: none at Cloudflare's auth domains. Made of
/// the public key in the URL, so that it need not be kept beside it in the file, which cloudflared reads as
/// well.
std::string code_of(std::string_view page, std::string_view auth_domain) {
  if (is_cloudflare(auth_domain)) return {};
  const auto url = transport::parse_url(page);
  return url ? transfer_code(url->query("token")) : std::string();
}

/// The URL file beside a token file, while our login is in progress.
class UrlFile {
 public:
  UrlFile(const StateDir& state, const std::string& token_file, const std::string& url)
      : state_(state), name_(url_file(token_file)) {
    // Only a convenience for others: a login goes on without it.
    (void)state_.write(name_, url);
  }
  ~UrlFile() { (void)state_.remove(name_); }
  UrlFile(const UrlFile&) = delete;
  UrlFile& operator=(const UrlFile&) = delete;

 private:
  const StateDir& state_;
  std::string name_;
};

/// Tells once, and again when the URL changes, that another process is logging in: the user, and those who
/// wait for us.
class OtherLoginShown {
 public:
  /// `held`: the token file whose lock is ours meanwhile, or empty.
  OtherLoginShown(const Access& access, const Application& app, std::string token_file, std::string held)
      : access_(access), app_(app), token_file_(std::move(token_file)), held_(std::move(held)) {}

  void show() {
    std::string url;
    if (auto file = access_.state.read(url_file(token_file_)); file && *file) {
      url = printable((*file)->reveal(), kMaxShownUrl);
    }
    if (url.empty() && (shown_ || Clock::now() < since_ + kQuietWait)) return;
    if (shown_ == url) return;
    access_.observer.waiting_for_other(url, code_of(url, app_.auth_domain));
    if (!held_.empty() && !url.empty()) passed_on_.emplace(access_.state, held_, url);
    shown_ = std::move(url);
  }

 private:
  const Access& access_;
  const Application& app_;
  std::string token_file_;
  std::string held_;
  std::optional<UrlFile> passed_on_;
  const Clock::time_point since_ = Clock::now();
  std::optional<std::string> shown_;
};

/// Waits until `look` finds a token or the lock beside `token_file` is ours; looks once more under the lock.
/// `held` is the token file whose lock is ours already, or empty.
/// If the process that held the login reports failure, returns that failure: after a login was cancelled, no
/// other browser opens.
net::awaitable<Result<Turn>> take_turn(const Access& access, const Application& app, std::string token_file,
                                       Look look, std::string held = {}) {
  DirWatch watch(co_await net::this_coro::executor, access.state.path(), token_file);
  const auto give_up = Clock::now() + access.login_timeout + kLockGrace;
  OtherLoginShown other_login(access, app, token_file, std::move(held));
  std::optional<OtherLock> other;
  for (;;) {
    auto lock = LoginLock::try_acquire(access.state, token_file, &other);
    if (!lock) co_return lock.error();
    auto token = look();
    if (!token) co_return token.error();
    if (*token) {
      if (*lock) (*lock)->succeeded();
      co_return Turn{std::move(*token), std::nullopt};
    }
    if (other) {
      if (auto ended = other->ended()) {
        if (*lock) (*lock)->repeat(*other);
        co_return *ended;
      }
    }
    if (*lock) {
      (void)access.state.remove(url_file(token_file));  // of one that was killed
      co_return Turn{std::nullopt, std::move(*lock)};
    }
    if (Clock::now() >= give_up) {
      co_return Failure(Stage::login, Cause::login_timed_out,
                        "another process holds " + token_file + ".lock");
    }
    if (other) other_login.show();
    co_await watch.changed(kLockPoll);
  }
}

/// Tells those who waited for it how our login ended.
void settle(std::optional<LoginLock>& lock, const Result<Secret>& token) {
  if (!lock) return;
  if (token) {
    lock->succeeded();
  } else {
    lock->failed(token.error());
  }
}

void start_browser(net::any_io_executor executor, std::vector<BrowserCommand> commands,
                   std::weak_ptr<LoginObserver*> observer) {
  auto opening = open_browser(std::move(commands));
  net::co_spawn(executor, std::move(opening), [observer](std::exception_ptr, const BrowserEnd& end) {
    const auto listening = observer.lock();
    if (listening && !end.why.empty()) (*listening)->browser_failed(end.why, end.opened);
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
  const auto page = login_page(access.app, app.aud, receiver.public_key(), access.auto_close);
  auto store = transport::parse_url(transfer_url(app.auth_domain, receiver.public_key(), access.fedramp));
  if (!store) co_return Failure(Stage::login, Cause::login_failed, "the auth domain is not a host name");
  const UrlFile for_this_application(access.state, app_token_file(app), page);
  const UrlFile for_the_team(access.state, org_token_file(app.auth_domain), page);

  std::vector<BrowserCommand> commands;
  if (access.open_browser) commands = browser_commands(BrowserEnvironment::current(), page);
  access.observer.login_url(page, code_of(page, app.auth_domain), !commands.empty());
  const auto listening = std::make_shared<LoginObserver*>(&access.observer);
  if (!commands.empty()) start_browser(co_await net::this_coro::executor, std::move(commands), listening);
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

Failure unusable(const Failure& why) {
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
    if (!org_good) co_return unusable(org_good.error());
    auto token = co_await exchanged(access, app, tokens->org_token);
    if (!token) co_return token.error();
    if (!*token)
      co_return Failure(Stage::login, Cause::login_failed, "the login brought no application token");
    co_return std::move(**token);
  }
  if (auto good = check_app_token(tokens->app_token.reveal(), app, access.edge_now()); !good)
    co_return unusable(good.error());
  if (auto kept = keep_app_token(access.state, app, tokens->app_token, unix_now()); !kept)
    co_return kept.error();
  co_return std::move(tokens->app_token);
}

/// Whom a token is of, as its issuer names them.
std::string person_of(const Secret& token) {
  const auto claims = parse_jwt(token.reveal());
  return claims ? std::string(claims->text("email")) : std::string();
}

/// Under the application's lock: by the org token, or by the browser. One login per team at a time, since
/// each brings an org token that serves the others.
net::awaitable<Result<Secret>> log_in(const Access& access, const Application& app) {
  Secret failed;  // an org token that did not open this application is not tried twice
  const Look look = [&]() -> Result<std::optional<Secret>> {
    auto token = cached_org_token(access.state, app, access.edge_now());
    if (token && *token && (*token)->reveal() == failed.reveal()) return std::optional<Secret>();
    return token;
  };
  for (;;) {
    auto org_token = look();
    if (!org_token) co_return org_token.error();
    Turn turn;
    if (!*org_token) {
      auto taken =
          co_await take_turn(access, app, org_token_file(app.auth_domain), look, app_token_file(app));
      if (!taken) co_return taken.error();
      turn = std::move(*taken);
      *org_token = std::move(turn.token);
    }
    if (!*org_token) {
      auto token = co_await login_and_keep(access, app);
      settle(turn.lock, token);
      if (token) access.observer.logged_in(person_of(*token));
      co_return token;
    }
    auto token = co_await exchanged(access, app, **org_token);
    if (!token) co_return token.error();
    if (*token) co_return std::move(**token);
    failed = std::move(**org_token);
  }
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
    co_return unusable(good.error());
  co_return token;
}

net::awaitable<Result<Secret>> find_app_token(const Access& access, const Application& app) {
  if (access.service_token.given()) co_return co_await service_login(access, app);
  const Look look = [&access, &app] { return cached_app_token(access.state, app, access.edge_now()); };
  auto cached = look();
  if (!cached) co_return cached.error();
  if (*cached) co_return std::move(**cached);
  auto turn = co_await take_turn(access, app, app_token_file(app), look);
  if (!turn) co_return turn.error();
  if (turn->token) co_return std::move(*turn->token);
  auto token = co_await log_in(access, app);
  settle(turn->lock, token);
  co_return token;
}

}  // namespace

net::awaitable<Result<Secret>> obtain_app_token(const Access& access, const Application& app) {
  auto token = co_await find_app_token(access, app);
  const bool odd = token && !check_app_token(token->reveal(), app, unix_now());
  if (odd) access.observer.clock_differs(access.clock_offset);
  co_return token;
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
  if (is_cloudflare(auth_domain))
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
