// The way out: signing out at an application or the auth domain, and the way back for another user.
#include "edge/handlers/sign_out.h"

#include <set>
#include <string>
#include <utility>

#include "base/text.h"
#include "edge/api/operations.h"
#include "edge/handlers/return_link.h"
#include "edge/http/cookies.h"
#include "edge/http/responses.h"
#include "edge/store/audit_text.h"
#include "transport/net/url.h"

namespace cfpipe::edge {
namespace {

/// Where a sign-out leads back to, while the browser is at the provider. Host-bound by its name: no other
/// host of the domain can plant it.
constexpr std::string_view kReturnCookie = "__Host-cfpipe-return";
/// How long the way through the provider may take, in seconds.
constexpr std::int64_t kReturnSeconds = 15 * 60;

/// The path of a sign-out that hands on what this one was to lead back to.
std::string logout_path(const Request& request) {
  std::string path(kLogoutPath);
  if (const std::string note = request.query_value(kReturnKey); !note.empty())
    path += "?" + std::string(kReturnKey) + "=" + transport::percent_encode(note);
  return path;
}

Answer sign_out_page(const Request& request, const std::string& email) {
  Page page;
  page.file = "sign_out.html";
  page.title = "Sign out?";
  page.values = {{"email", email}, {"path", logout_path(request)}};
  return page_answer(200, page);
}

Answer signed_out_page() {
  return message_page(200, "Signed out", "This browser is signed out.",
                      "So are the programs that it let in. Their tunnels have ended.",
                      {"Sign in again", "/"});
}

}  // namespace

/// Of all applications of the host: their cookies may come of several sign-ins.
Answer SignOut::at_applications(const Request& request, const Place& place) {
  for (const auto& [nonce, identity] : credentials_.identities_at(request, place))
    if (auto instead = revoke(request, identity)) return std::move(*instead);
  Answer answer = redirect_answer("https://" + context_.auth_authority() + logout_path(request));
  std::set<std::string> paths;
  for (const auto& app : place.apps) paths.insert(token_cookie_path(app->name));
  for (const std::string& path : paths)
    if (path != "/") clear_cookie(answer, kTokenCookie, path);
  for (const std::string& cookie : path_token_cookies(request)) clear_cookie(answer, cookie);
  for (const auto cookie : {kTokenCookie, kBrowserTokenCookie, kSessionCookie, kBrowserSessionCookie})
    clear_cookie(answer, cookie);
  return answer;
}

/// Voids all tokens that came of that sign-in, in the browser and in programs, and ends their tunnels.
/// Returns what to answer instead if that is not to be: a person whom another page has sent here is asked
/// first.
std::optional<Answer> SignOut::revoke(const Request& request, const Identity& identity) {
  if (identity.nonce.empty()) return std::nullopt;
  if (led_here_from_elsewhere(request)) return sign_out_page(request, identity.email);
  const std::int64_t now = context_.now();
  if (const auto done = context_.store.revocations().revoke_session(identity.nonce, now + kLastTokenSeconds);
      !done)
    return state_trouble(done.error());
  AuditRow row = row_of("revoke", request);
  row.identity = identity.email;
  row.login_method = identity.provider;
  row.reason = session_note(identity.nonce) + ", signed out";
  context_.record(std::move(row));
  tunnels_.end_revoked();
  return std::nullopt;
}

/// Where the provider leads back to.
Answer SignOut::signed_out(const Request& request) const {
  const std::string back = return_url(context_, cookie_value(request, kReturnCookie));
  Answer answer = back.empty() ? signed_out_page() : redirect_answer(back);
  clear_cookie(answer, kReturnCookie);
  return answer;
}

boost::asio::awaitable<Answer> SignOut::at_auth_domain(const Request& request) {
  auto identity = credentials_.check_org(request);
  if (identity)
    if (auto instead = revoke(request, *identity)) co_return std::move(*instead);
  const std::string note = request.query_value(kReturnKey);
  const std::string back = return_url(context_, note);
  Answer answer = back.empty() ? signed_out_page() : redirect_answer(back);
  if (providers_.any()) {
    // Else the next sign-in would be the same person's, without a question.
    const auto there = co_await providers_.sign_out_url(request, std::move(identity));
    if (there) answer = redirect_answer(*there);
    const std::string_view leads_back = there ? kReturnCookie : kAnotherUserCookie;
    for (const auto cookie : {kReturnCookie, kAnotherUserCookie}) {
      if (cookie == leads_back && !back.empty()) {
        set_cookie(answer, cookie, note, context_.now() + kReturnSeconds);
      } else {
        clear_cookie(answer, cookie);
      }
    }
    clear_cookie(answer, kIdTokenCookie, kLogoutPath);
  }
  for (const auto cookie : {kTokenCookie, kBrowserTokenCookie, kFormCookie}) clear_cookie(answer, cookie);
  co_return answer;
}

}  // namespace cfpipe::edge
