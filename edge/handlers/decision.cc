// Whether an identity may reach an application, and the record of a denial.
#include "edge/handlers/decision.h"

#include <utility>

#include "base/text.h"

namespace cfpipe::edge {

namespace {

bool counts(const ApplicationConfig& app, const Identity& identity) {
  return !identity.client_id.empty() || takes_sign_ins_of(app, identity.provider);
}

}  // namespace

bool accepts_provider(const Application& app, const Identity& identity) {
  return counts(*app.config, identity);
}

Verdict judge(const std::string& peer, const ApplicationConfig& app, const Identity* identity,
              Asking asking) {
  Subject subject;
  if (identity && counts(app, *identity)) {
    subject.email = identity->email;
    subject.login_method = identity->provider;
    subject.groups = identity->groups;
    subject.service_token = identity->service_token;
  }
  subject.ip = parse_ip(peer);
  return decide(app.policies, subject, asking);
}

Verdict judge(const Request& request, const Application& app, const std::optional<Identity>& identity,
              Asking asking) {
  return judge(request.peer, *app.config, identity ? &*identity : nullptr, asking);
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
