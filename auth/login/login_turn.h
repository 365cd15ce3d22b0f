#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "auth/discovery/context.h"
#include "auth/state/login_lock.h"

namespace cfpipe::auth {

/// How often a process that waits for another one's login looks whether that one is still alive.
inline constexpr std::chrono::milliseconds kLockPoll{300};
/// How much longer than for a login of its own it waits, so that it hears how the other one ended.
inline constexpr std::chrono::seconds kLockGrace{15};

/// Result of waiting for a token file: the token that another process got, or the lock to get one.
struct Turn {
  std::optional<Secret> token;
  std::optional<LoginLock> lock;
  bool told = false;  ///< the user, that another process was logging in
};
/// Looks for the token in the state directory.
using Look = std::function<Result<std::optional<Secret>>()>;

/// Waits until `look` finds a token or the lock beside `token_file` is ours; looks once more under the lock.
/// `held` is the token file whose lock is ours already, or empty.
/// If the process that held the login reports failure, returns that failure: after a login was cancelled, no
/// other browser opens. Stage::login, Stage::state.
boost::asio::awaitable<Result<Turn>> take_turn(const Access& access, const Application& app,
                                               std::string token_file, Look look, std::string held = {});

/// Tells those who waited for it how our login ended.
void settle(std::optional<LoginLock>& lock, const Result<Secret>& token);

}  // namespace cfpipe::auth
