// The page of the terminal in the browser.
#include "edge/handlers/terminal_page.h"

#include "base/text.h"
#include "edge/ca/ssh_ca.h"
#include "edge/handlers/return_link.h"
#include "edge/http/responses.h"
#include "edge/http/terminal_bundle.h"

namespace cfpipe::edge {
namespace {

/// Bytes of a nonce, which is good for one page.
constexpr std::size_t kScriptNonceBytes = 16;

std::string comma_separated(const std::vector<std::string>& all) {
  std::string out;
  for (const std::string& one : all) out += (out.empty() ? "" : ",") + one;
  return out;
}

std::string asset_url(std::string_view name) {
  const auto file = terminal_file(name);
  return "/cdn-cgi/access/" + std::string(name) + "?v=" + std::string(file ? file->version : "");
}

}  // namespace

std::vector<std::string> users_of(const ApplicationConfig& app, const Identity& identity) {
  if (!app.certificates) return {};
  return principals_of(*app.certificates, identity);
}

/// Scripts and styles are this host's own files, but for the styles that the terminal makes while it runs,
/// which show this page's nonce.
Answer terminal_page(const Request& request, const Application& app, const Identity& identity) {
  const std::string nonce = random_id(kScriptNonceBytes);
  const auto users = users_of(*app.config, identity);
  std::string user = account_of(email_prefix(identity.email), AccountFrom::email).value_or("");
  if (!users.empty()) user = users.front();
  const Document page{"terminal.html",
                      {{"application", request.host + app.name.path()},
                       {"aud", app.aud},
                       {"user", user},
                       {"users", comma_separated(users)},
                       {"files", app.config->browser_files ? "on" : "off"},
                       {"email", identity.email},
                       {"script", asset_url("terminal.js")},
                       {"style", asset_url("terminal.css")},
                       {"nonce", nonce},
                       {"sign_out", std::string(kLogoutPath)}},
                      "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-" + nonce +
                          "'; connect-src 'self'; img-src 'self' data:; font-src 'self'; base-uri 'none'; "
                          "form-action 'none'; frame-ancestors 'none'"};
  return document_answer(200, page);
}

}  // namespace cfpipe::edge
