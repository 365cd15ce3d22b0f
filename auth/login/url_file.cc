#include "auth/login/url_file.h"

#include "auth/discovery/cloudflare.h"
#include "auth/login/short_link.h"
#include "auth/token/sealed_box.h"
#include "transport/net/url.h"

namespace cfpipe::auth {
namespace {

/// Longest login URL that is shown, in bytes.
constexpr std::size_t kMaxShownUrl = 8192;

std::string url_file(const std::string& token_file) {
  return token_file + ".url";
}

std::string link_file(const std::string& token_file) {
  return token_file + ".link";
}

/// What the page of that login shows as its code, if it shows one: none at Cloudflare's auth domains. Made of
/// the public key in the URL, so that it need not be kept beside it in the file, which cloudflared reads as
/// well.
std::string code_of(std::string_view page, std::string_view auth_domain) {
  if (is_cloudflares(auth_domain)) return {};
  const auto url = transport::parse_url(page);
  return url ? transfer_code(url->query("token")) : std::string();
}

}  // namespace

LoginLink LoginPage::shown(std::string_view auth_domain) const {
  LoginLink out;
  out.url = link.empty() ? url : link;
  out.code = code_of(url, auth_domain);
  out.any_case = !link.empty();
  return out;
}

// Only a convenience for others: a login goes on without them. The link comes first: another process that
// sees the URL finds the link as well, and shows one address, not two.
UrlFile::UrlFile(const StateDir& state, const std::string& token_file, const LoginPage& page)
    : state_(state), token_file_(token_file) {
  if (!page.link.empty())
    (void)state_.write(link_file(token_file_), page.link + "\n" + page.url, 0600, Durability::none);
  (void)state_.write(url_file(token_file_), page.url);
}

UrlFile::~UrlFile() {
  remove(state_, token_file_);
}

void UrlFile::remove(const StateDir& state, const std::string& token_file) {
  (void)state.remove(url_file(token_file));
  (void)state.remove(link_file(token_file));
}

std::optional<LoginPage> UrlFile::read(const StateDir& state, const std::string& token_file,
                                       std::string_view auth_domain) {
  const auto url = state.read(url_file(token_file));
  if (!url || !*url) return std::nullopt;
  LoginPage page;
  page.url = printable((*url)->reveal(), kMaxShownUrl);
  if (page.url.empty()) return std::nullopt;
  const auto file = state.read(link_file(token_file));
  if (!file || !*file) return page;
  const std::string_view text = (*file)->reveal();
  const std::string_view link = text.substr(0, text.find('\n'));
  // Of this very login, and not of one whose process was killed.
  const bool same = text.size() > link.size() && text.substr(link.size() + 1) == page.url;
  if (same && is_short_link(link, auth_domain)) page.link = link;
  return page;
}

}  // namespace cfpipe::auth
