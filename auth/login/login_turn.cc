// Waiting for a login that another process has begun, or taking the lock to begin one.
#include "auth/login/login_turn.h"

#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <utility>

#include "auth/login/url_file.h"
#include "base/platform/dir_watch.h"

namespace cfpipe::auth {
namespace {

namespace net = boost::asio;
using Clock = std::chrono::steady_clock;

/// How long another process's login goes without a word about it: most take the org token and no time.
constexpr std::chrono::seconds kQuietWait{1};

/// Tells once, and again when the URL changes, that another process is logging in: the user, and those who
/// wait for us.
class OtherLoginShown {
 public:
  /// `held`: the token file whose lock is ours meanwhile, or empty.
  OtherLoginShown(const Access& access, const Application& app, std::string token_file, std::string held)
      : access_(access), app_(app), token_file_(std::move(token_file)), held_(std::move(held)) {}

  void show() {
    const auto page = UrlFile::read(access_.state, token_file_, app_.auth_domain);
    if (!page && (shown_ || Clock::now() < since_ + kQuietWait)) return;
    LoginLink link = page ? page->shown(app_.auth_domain) : LoginLink();
    if (shown_ == link.url) return;
    access_.observer.waiting_for_other(link);
    if (!held_.empty() && page) passed_on_.emplace(access_.state, held_, *page);
    shown_ = std::move(link.url);
  }
  /// Whether the user has been told.
  bool told() const { return shown_.has_value(); }

 private:
  const Access& access_;
  const Application& app_;
  std::string token_file_;
  std::string held_;
  std::optional<UrlFile> passed_on_;
  const Clock::time_point since_ = Clock::now();
  std::optional<std::string> shown_;
};

}  // namespace

net::awaitable<Result<Turn>> take_turn(const Access& access, const Application& app, std::string token_file,
                                       Look look, std::string held) {
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
      co_return Turn{std::move(*token), std::nullopt, other_login.told()};
    }
    if (other) {
      if (auto ended = other->ended()) {
        if (*lock) (*lock)->repeat(*other);
        co_return *ended;
      }
    }
    if (*lock) {
      UrlFile::remove(access.state, token_file);  // of one that was killed
      co_return Turn{std::nullopt, std::move(*lock), other_login.told()};
    }
    if (Clock::now() >= give_up) {
      co_return Failure(Stage::login, Cause::login_timed_out,
                        "another process holds " + token_file + ".lock");
    }
    if (other) other_login.show();
    co_await watch.changed(kLockPoll);
  }
}

void settle(std::optional<LoginLock>& lock, const Result<Secret>& token) {
  if (!lock) return;
  if (token) {
    lock->succeeded();
  } else {
    lock->failed(token.error());
  }
}

}  // namespace cfpipe::auth
