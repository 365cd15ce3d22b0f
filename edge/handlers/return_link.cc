// The link to sign in as another user, which leads back to what was asked for.
#include "edge/handlers/return_link.h"

#include "edge/identity/consent.h"
#include "transport/net/url.h"

namespace cfpipe::edge {
namespace {

/// How long such a link may be used, in seconds.
constexpr std::int64_t kReturnLinkSeconds = 24 * 60 * 60;
/// Longest address in such a link, in bytes: browsers drop cookies beyond 4 KiB.
constexpr std::size_t kMaxReturnBytes = 1536;

}  // namespace

Link another_user(const EdgeContext& context, const WayBack& back) {
  const bool leads_back = back.target.size() <= kMaxReturnBytes && !for_a_program(back.target);
  const std::string url =
      "https://" + context.authority(back.host) + (leads_back ? std::string(back.target) : "/");
  const std::string state =
      context.signed_state.write("return", {{"url", url}}, context.now() + kReturnLinkSeconds);
  return {"Sign in as another user",
          std::string(kLogoutPath) + "?" + std::string(kReturnKey) + "=" + transport::percent_encode(state)};
}

std::string return_url(const EdgeContext& context, std::string_view state) {
  const auto read = context.signed_state.read("return", state, context.now());
  return read ? text_of(*read, "url") : std::string();
}

}  // namespace cfpipe::edge
