#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "auth/discovery/context.h"
#include "auth/token/sealed_box.h"

namespace cfpipe::auth {

/// Timeout of one poll of the transfer store, and the least pause between two polls.
inline constexpr std::chrono::seconds kTransferPoll{60};
inline constexpr std::chrono::seconds kTransferPause{1};
/// How often a process that waits for another one's login looks whether that one is still alive.
inline constexpr std::chrono::milliseconds kLockPoll{300};
/// How much longer than for a login of its own it waits, so that it hears how the other one ended.
inline constexpr std::chrono::seconds kLockGrace{15};

/// Cached token; else, under the login lock, the org token exchanged; else a login in the browser. Of any
/// number of processes that need the same token one logs in and the others take what it got: the token, or
/// how it came to nothing. With a service token: what the edge gives for that, never a browser. Stage::login,
/// Stage::state, and dns to http.
boost::asio::awaitable<Result<Secret>> obtain_app_token(const Access& access, const Application& app);

/// What the user opens in the browser (access-protocol, "Login", 3).
std::string login_page(const transport::Url& app, std::string_view aud, std::string_view public_key,
                       bool auto_close);
/// Where the tokens of that login are fetched.
std::string transfer_url(std::string_view auth_domain, std::string_view public_key, bool fedramp);
/// One answer of the transfer store: the tokens, nothing yet, or Cause::login_failed, Cause::denied.
Result<std::optional<TransferredTokens>> read_transfer(const transport::HttpAnswer& answer,
                                                       const TransferReceiver& receiver);

}  // namespace cfpipe::auth
