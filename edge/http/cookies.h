#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "edge/http/request.h"
#include "edge/policy/app_name.h"

namespace cfpipe::edge {

// Two cookies each for a token and for the session that a sign-in began in. Programs send those of the
// protocol. A browser has the others as well, which are bound to the host by their names (RFC
// 6265bis 4.1.3.2): no other host of the domain can plant them.
inline constexpr std::string_view kTokenCookie = "CF_Authorization";
inline constexpr std::string_view kSessionCookie = "CF_AppSession";
inline constexpr std::string_view kBrowserTokenCookie = "__Host-CF_Authorization";
inline constexpr std::string_view kBrowserSessionCookie = "__Host-CF_AppSession";
/// Of the auth domain: what its forms are tied to; and that the next sign-in is another user's, though the
/// provider still knows the last one.
inline constexpr std::string_view kFormCookie = "__Host-cfpipe-form";
inline constexpr std::string_view kAnotherUserCookie = "__Host-cfpipe-another-user";

/// Cookies of one name that are looked at.
inline constexpr std::size_t kMaxSameCookies = 8;
/// Cookies that a browser keeps for the tokens of one host's applications on paths; a further token takes the
/// place of others. All of them together have to fit into a request's head.
inline constexpr std::size_t kMaxPathTokens = 6;

/// The host-bound cookie of an application: one on a path has a name of its own, since a host-bound cookie
/// goes to all of the host.
std::string browser_token_cookie(const AppName& app, std::string_view aud);
/// The path that the other cookie of its token is for.
std::string token_cookie_path(const AppName& app);
/// The names of the request's cookies of applications on paths, each once.
std::vector<std::string> path_token_cookies(const Request& request);

/// The values of the request's cookies of that name, in their order, kMaxSameCookies at most: a browser sends
/// those of other hosts of the domain, too, in an order that they choose.
std::vector<std::string> cookies(const Request& request, std::string_view name);

/// The first of them, or empty.
std::string cookie_value(const Request& request, std::string_view name);

/// True if the request says that a browser has sent it (Fetch Metadata; no page can leave that out). Browsers
/// from before 2023 do not say so.
bool from_browser(const Request& request);

/// True if another site's page, or another host of this one, has led the browser here.
bool led_here_from_elsewhere(const Request& request);

/// True if it may be a program's walk from an org token to an app token, which asks by HEAD throughout.
bool may_be_exchange(const Request& request);

/// The tokens that cookies carry, in the order in which to try them: the host-bound one of that name, then,
/// unless a browser asks, those of the other name.
std::vector<std::string> token_cookies(const Request& request,
                                       std::string_view browser_cookie = kBrowserTokenCookie);

/// True if a cookie has the session of that SHA-256, in hex: the host-bound one, or, for the end of a
/// program's exchange, the other.
bool shows_session(const Request& request, std::string_view session_hash, bool exchange);

}  // namespace cfpipe::edge
