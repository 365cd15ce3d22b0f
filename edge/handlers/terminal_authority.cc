// Terminals in the browser: leave to open one, certificates, host keys.
#include "edge/handlers/terminal_authority.h"

#include <algorithm>

#include "auth/ssh/key.h"
#include "base/text.h"
#include "edge/handlers/decision.h"
#include "edge/handlers/terminal_page.h"
#include "edge/http/responses.h"
#include "edge/terminal/grant.h"
#include "edge/tunnel/origin.h"

namespace cfpipe::edge {

std::variant<TunnelGrant, Answer> TerminalAuthority::grant(const Request& request, const Application& app) {
  const Visitor who = credentials_.visitor(request, app);
  const Verdict verdict = judge(request, app, who.identity, Asking::for_identity);
  if (!verdict.passes()) return gate_.turned_away(request, app, who, verdict);
  if (!who.identity || who.identity->email.empty())
    return text_answer(403, "a terminal is for a person who has signed in");
  // A browser always says whose page it is: no other may open a terminal with this host's cookies.
  if (!who.by_header && !same_text(request.header("Origin"), "https://" + context_.authority(request.host)))
    return text_answer(403, "this page may not open a terminal");
  if (!context_.grants()) return unrecordable();
  TunnelGrant grant = tunnels_.grant_of(app, request.host, who.identity);
  if (!grant.origin) return tunnels_.leads_nowhere(request, app, who);
  auto terminal = std::make_shared<terminal::TerminalGrant>();
  terminal->identity = *who.identity;
  terminal->certified = app.config->certificates.has_value();
  if (terminal->certified) terminal->key = ssh_ca_.user_key_type(*app.config);
  terminal->users = users_of(*app.config, *who.identity);
  terminal->host_keys = app.config->host_keys;
  terminal->files = app.config->browser_files;
  // A page learns nothing of a WebSocket that is refused: a person with too many terminals is told by this
  // one.
  terminal->session = request.query_value("session");
  // The session keeps its own time, and tells of it before it is up.
  terminal->until = who.identity->expires;
  if (grant.session_limit.count() > 0)
    terminal->until = std::min(terminal->until, context_.now() + grant.session_limit.count());
  grant.session_limit = std::chrono::seconds(0);
  grant.terminal = std::move(terminal);
  grant.target = terminals_;
  return grant;
}

boost::asio::awaitable<Result<std::string>> TerminalAuthority::certify(const TunnelGrant& grant,
                                                                       const Request& request,
                                                                       std::string key_line) {
  const auto app = applications_.find(grant.app_hostname);
  const Failure gone(Stage::certificate, Cause::sign_refused,
                     grant.app_hostname + " does not use short-lived certificates");
  if (app == nullptr) co_return gone;
  const auto config = app->config;  // a reload may replace what the application is meanwhile
  if (!config->certificates) co_return gone;
  auto issued = co_await certificates_.certify(request, *config, grant.terminal->identity, key_line);
  if (!issued) co_return issued.error();
  co_return std::move(issued->line);
}

// A host key is that of an origin: another one has another key.
Result<std::string> TerminalAuthority::known_host_key(const TunnelGrant& grant) {
  const auto known = context_.store.host_keys().find(grant.app_hostname, grant.origin->text());
  if (!known) return known.error();
  return *known ? (*known)->line : std::string();
}

Result<void> TerminalAuthority::trust_host_key(const TunnelGrant& grant, const Request& request,
                                               const std::string& key_line) {
  const auto key = auth::parse_public_key_line(key_line);
  if (!key) return key.error();
  const HostKeyRow seen{grant.app_hostname, grant.origin->text(), key_line, context_.now()};
  auto added = context_.store.host_keys().insert(seen);
  if (!added) return added.error();
  // Two terminals may have been the first at once, and one of them was shown another key.
  const auto kept = context_.store.host_keys().find(seen.hostname, seen.origin);
  if (!kept) return kept.error();
  if (!*kept || (*kept)->line != key_line)
    return Failure(Stage::state, Cause::key_unusable, "another host key was recorded meanwhile");
  AuditRow row = row_of("host_key", request);
  row.identity = grant.identity;
  row.application = grant.app_hostname;
  row.reason = "first seen at " + grant.origin->text() + ": " + auth::fingerprint(key->blob);
  context_.record(std::move(row));
  return {};
}

// As many rows as for tunnels: one person may open and close a channel as often as the session's bound says.
void TerminalAuthority::files_closed(const TunnelGrant& grant, const Request& request, const FilesUse& use) {
  AuditRow row = row_of("files", request);
  row.identity = grant.identity;
  row.application = grant.app_hostname;
  row.up_bytes = use.up_bytes;
  row.down_bytes = use.down_bytes;
  row.reason = "SFTP from a terminal in the browser, for " + duration_text(use.lasted);
  context_.record_limited(RowCause::tunnel, std::move(row), party_of(grant.terminal->identity));
}

}  // namespace cfpipe::edge
