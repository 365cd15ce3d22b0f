#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "edge/handlers/context.h"
#include "edge/http/responses.h"

namespace cfpipe::edge {

inline constexpr std::string_view kLogoutPath = "/cdn-cgi/access/logout";
/// Parameter of a sign-out: signed state that says where it leads back to.
inline constexpr std::string_view kReturnKey = "return";

/// Where a person goes back to: path and query on a host of an application.
struct WayBack {
  std::string_view host;
  std::string_view target = "/";
};

/// A link that signs out, here and at the provider, and comes back to what was asked for, which asks for a
/// sign-in. A program's sign-in comes back to the application's front page: the program was refused already.
Link another_user(const EdgeContext& context, const WayBack& back);
/// Where such a link leads back to; empty if the signed state is not one of a link, or too old.
std::string return_url(const EdgeContext& context, std::string_view state);

}  // namespace cfpipe::edge
