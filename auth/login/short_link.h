#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

#include "auth/discovery/context.h"

namespace cfpipe::auth {

/// How long a login waits for its short link, dialling included. Without one it shows the page's own URL.
inline constexpr std::chrono::milliseconds kLinkDeadline{3'000};
/// Longest code of a link, and longest answer that brings one, in bytes.
inline constexpr std::size_t kMaxLinkCodeBytes = 64;
inline constexpr std::size_t kMaxLinkAnswerBytes = 4 * 1024;

/// Whether a text is `https://AUTH-DOMAIN/l/CODE` and nothing else, in canonical form. CODE is of letters,
/// digits and dashes, so the whole of it may be written in upper case.
bool is_short_link(std::string_view text, std::string_view auth_domain);

/// The link in the edge's answer. Stage::login, Cause::login_failed: there is none that is_short_link().
Result<std::string> read_short_link(const transport::HttpAnswer& answer, std::string_view auth_domain);

/// Asks the edge for a short link to a login page. Empty where it gives none, whatever the reason, which the
/// log gets.
boost::asio::awaitable<std::string> ask_short_link(const Access& access, std::string_view auth_domain,
                                                   std::string_view page);

}  // namespace cfpipe::auth
