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

/// Cached token; else, under the login lock, the org token exchanged; else a login in the browser. Of any
/// number of processes that need the same token one logs in and the others take what it got: the token, or
/// how it came to nothing. With a service token: what the edge gives for that, never a browser. Stage::login,
/// Stage::state, and dns to http.
boost::asio::awaitable<Result<Secret>> obtain_app_token(const Access& access, const Application& app);

/// The same without anything that a person could see or would have to do: the cached token, or what the org
/// token or the service token brings. Nothing: a login is needed.
boost::asio::awaitable<Result<std::optional<Secret>>> renew_app_token(const Access& access,
                                                                      const Application& app);

/// The org token of the application's team: the cached one unless it is `rejected`, which may be empty; else
/// that of a login in the browser at this application, of this process or another. It may be of any port of
/// the auth domain where Application::any_port says so. Never by a service token. Failures as above.
boost::asio::awaitable<Result<Secret>> obtain_org_token(const Access& access, const Application& app,
                                                        const Secret& rejected);

/// What the user opens in the browser (access-protocol, "Login", 3).
std::string login_page(const transport::Url& app, std::string_view aud, std::string_view public_key,
                       bool auto_close);
/// Where the tokens of that login are fetched.
std::string transfer_url(std::string_view auth_domain, std::string_view public_key, bool fedramp);
/// One answer of the transfer store: the tokens, nothing yet, or Cause::login_failed, Cause::denied.
Result<std::optional<TransferredTokens>> read_transfer(const transport::HttpAnswer& answer,
                                                       const TransferReceiver& receiver);

}  // namespace cfpipe::auth
