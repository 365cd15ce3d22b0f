// Whether an identity may reach an application, and the record of a denial.
#include "edge/handlers/decision.h"

#include <algorithm>
#include <utility>

#include "base/text.h"

namespace cfpipe::edge {

bool accepts_provider(const Application& app, const Identity& identity) {
  const auto& allowed = app.config->allowed_idps;
  return !identity.client_id.empty() || allowed.empty() ||
         std::find(allowed.begin(), allowed.end(), identity.provider) != allowed.end();
}

Verdict judge(const std::string& peer, const Application& app, const Identity* identity, Asking asking) {
  Subject subject;
  if (identity && accepts_provider(app, *identity)) {
    subject.email = identity->email;
    subject.login_method = identity->provider;
    subject.groups = identity->groups;
    subject.service_token = identity->service_token;
  }
  subject.ip = parse_ip(peer);
  return decide(app.config->policies, subject, asking);
}

Verdict judge(const Request& request, const Application& app, const std::optional<Identity>& identity,
              Asking asking) {
  return judge(request.peer, app, identity ? &*identity : nullptr, asking);
}

void record_denial(EdgeContext& context, RowCause cause, const Request& request, const Application& app,
                   const std::optional<Identity>& who, const std::string& reason) {
  context.counters.add(Count::denials, app.config->hostname);
  AuditRow row = row_of("denial", request);
  if (who) row.identity = who->name();
  row.application = app.config->hostname;
  if (who) row.login_method = who->provider;
  row.reason = printable(reason);
  if (app.name.is_pattern() && request.host != context.config.auth_host) row.reason += ", at " + request.host;
  context.record_limited(cause, std::move(row), who ? party_of(*who) : PartyKey());
}

}  // namespace cfpipe::edge
