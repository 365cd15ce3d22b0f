// Tunnels, as far as they are the site's: leave to open one, the record of each, and its end.
#include "edge/handlers/tunnel_authority.h"

#include <map>

#include "base/access_headers.h"
#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "edge/api/connector_operations.h"
#include "edge/connector/connector_origin.h"
#include "edge/handlers/decision.h"
#include "edge/http/responses.h"
#include "edge/policy/origin_name.h"
#include "edge/tunnel/origin.h"
#include "edge/tunnel/resumable.h"

namespace cfpipe::edge {
namespace {

/// What the audit has of a destination that was refused, in bytes; a name with a port fits.
constexpr std::size_t kShownDestination = 300;
constexpr const char* kAccessRevoked = "access was revoked";
constexpr const char* kUnrecorded = "this edge cannot keep its records at present";
constexpr const char* kNotServed = "the application is not served here any more";
constexpr const char* kNotAdmitted = "the application's policies do not admit you any more";
constexpr const char* kNotLedTo = "the application does not lead to that destination any more";

/// An origin of the application at a TCP port, which its connectors dial if it has any.
std::shared_ptr<Origin> tcp_origin(const std::shared_ptr<ConnectorRegistry>& connectors,
                                   const ApplicationConfig& app, Host host, std::uint16_t port,
                                   NamedBy named_by, bool proxy_protocol) {
  if (app.connectors.empty())
    return std::make_shared<TcpOrigin>(app.hostname, std::move(host), port, named_by, proxy_protocol);
  return std::make_shared<ConnectorOrigin>(app.hostname, app.connectors, connectors, std::move(host), port,
                                           named_by, proxy_protocol);
}

/// The application's own origin for a request to `host`; null: that leads to none.
std::shared_ptr<Origin> origin_of(const std::shared_ptr<ConnectorRegistry>& connectors,
                                  const Application& application, const std::string& host) {
  const ApplicationConfig& app = *application.config;
  if (!app.origin_path.empty())
    return std::make_shared<UnixOrigin>(app.hostname, app.origin_path, app.proxy_protocol);
  auto found = origin_at(application.name, app.origin_host, host);
  if (!found || found->empty()) return nullptr;
  const NamedBy named_by = app.origin_host.is_pattern() ? NamedBy::pattern : NamedBy::configuration;
  return tcp_origin(connectors, app, std::move(*found), app.origin_port, named_by, app.proxy_protocol);
}

}  // namespace

Answer TunnelAuthority::wrong_destination(const Request& request, const Application& app, const Visitor& who,
                                          std::string_view asked) {
  const std::string reason = app.config->destinations.empty()
                                 ? app.config->hostname + " has one origin"
                                 : app.config->hostname + " does not lead to that destination";
  record_denial(context_, RowCause::denied, request, app, who.identity,
                reason + ": " + printable(asked, kShownDestination));
  Answer answer = text_answer(403, reason);
  answer.headers.emplace_back(kReasonHeader, reason);
  return answer;
}

std::variant<TunnelGrant, Answer> TunnelAuthority::grant(const Request& request, Application& app) {
  const Visitor who = credentials_.visitor(request, app);
  const Verdict verdict = judge(request, app, who.identity, Asking::to_pass);
  if (!verdict.passes()) {
    Answer answer = gate_.turned_away(request, app, who, verdict);
    metadata_.add(request, &app, answer);
    return answer;
  }
  // Any page can make a browser open WebSockets, with its cookies and from its address; only our own may.
  const std::string_view origin = request.header("Origin");
  if (!who.by_header && !origin.empty() && !same_text(origin, "https://" + context_.authority(request.host)))
    return text_answer(403, "this page may not open a tunnel");
  const std::string_view asked = request.header("Cf-Access-Jump-Destination");
  const auto destination = find_destination(app.config->destinations, asked);
  if (!asked.empty() && !destination) return wrong_destination(request, app, who, asked);
  if (!context_.grants()) return unrecordable();
  TunnelGrant grant = grant_of(app, request.host, who.identity);
  if (!destination && !grant.origin) return leads_nowhere(request, app, who);
  const TunnelRegistry::Asker asker{grant.identity, grant.client_id, request.peer};
  auto admission = asks_to_resume(request) ? open_tunnels_.admit_again(asker, context_.now())
                                           : open_tunnels_.admit(asker, context_.now());
  if (!admission.seat) return too_many_tunnels(request, app, who, admission);
  grant.seat = std::move(admission.seat);
  if (destination) {
    grant.origin = tcp_origin(context_.connectors, *app.config, destination->host, destination->port,
                              NamedBy::destination, false);
    grant.destination = grant.origin->text();
  }
  grant.target = grant.origin;
  return grant;
}

Answer TunnelAuthority::leads_nowhere(const Request& request, const Application& app, const Visitor& who) {
  const std::string reason = printable(request.host, kShownDestination) +
                             " leads to no server: what the * stands for must be letters, digits and '-'";
  record_denial(context_, RowCause::denied, request, app, who.identity, reason);
  Answer answer = text_answer(404, reason);
  answer.headers.emplace_back(kReasonHeader, printable(reason));
  return answer;
}

TunnelGrant TunnelAuthority::grant_of(const Application& application, const std::string& host,
                                      const std::optional<Identity>& identity) const {
  const ApplicationConfig& app = *application.config;
  TunnelGrant grant;
  grant.configuration = context_.configurations;
  grant.session_limit = app.session_limit;
  grant.idle_limit = app.idle_limit;
  grant.resume = context_.config.resume;
  grant.app_hostname = app.hostname;
  grant.origin = origin_of(context_.connectors, application, host);
  if (identity) {
    grant.who = std::make_shared<const Identity>(*identity);
    grant.identity = identity->name();
    grant.client_id = identity->client_id;
    grant.session = identity->nonce;
    grant.issued = identity->issued;
    grant.expires = identity->expires;
  }
  return grant;
}

Answer TunnelAuthority::too_many_tunnels(const Request& request, const Application& app, const Visitor& who,
                                         const TunnelRegistry::Admission& refused) {
  record_denial(context_, RowCause::over_limit, request, app, who.identity, refused.refusal);
  context_.counters.add(Count::limited, refused.limit);
  Answer answer = text_answer(429, refused.refusal);
  answer.headers.emplace_back(kReasonHeader, printable(refused.refusal));
  if (refused.wait > 0) answer.headers.emplace_back("Retry-After", std::to_string(refused.wait));
  return answer;
}

/// The row of a tunnel without a name: anybody may cause as many as they like of them. False: it is left out.
bool TunnelAuthority::takes_row(const TunnelGrant& grant, AuditRow& row) {
  if (!grant.identity.empty()) return true;
  const auto left_out = context_.rows.take(RowCause::tunnel, {}, address_key(row.peer), row.time);
  if (!left_out) context_.counters.add(Count::left_out, name_of(RowCause::tunnel));
  if (left_out && *left_out > 0) row.reason += (row.reason.empty() ? "" : " ") + left_out_note(*left_out);
  return left_out.has_value();
}

std::int64_t TunnelAuthority::opened(const TunnelGrant& grant, const Request& request,
                                     std::shared_ptr<TunnelHandle> handle) {
  AuditRow row = row_of("tunnel_open", request);
  row.time = context_.now();
  row.identity = grant.identity;
  row.application = grant.app_hostname;
  if (grant.who) row.login_method = grant.who->provider;
  if (grant.origin && grant.origin->chosen_by_client()) row.reason = "to " + grant.origin->text();
  if (grant.terminal)
    row.reason = "a terminal in the browser" + (row.reason.empty() ? std::string() : " " + row.reason);
  if (names_many_hosts(grant.app_hostname))
    row.reason += (row.reason.empty() ? "at " : ", at ") + request.host;
  if (const std::string via = grant.origin ? grant.origin->via() : std::string(); !via.empty())
    row.reason += (row.reason.empty() ? "by the connector " : ", by the connector ") + via;
  const bool recorded = takes_row(grant, row);
  const auto [id, kept] =
      recorded ? context_.audit.append(row) : AuditTrail::Appended{context_.audit.id_without_row(), true};
  if (!kept && !context_.config.audit_continues) handle->dismiss(kUnrecorded);
  context_.counters.add(Count::tunnels_opened, row.application);
  const bool late = !grant.identity.empty() && credentials_.no_longer_good({grant.identity, grant.client_id,
                                                                            grant.session, grant.issued});
  if (late) handle->dismiss(kAccessRevoked);
  auto seat = grant.seat;
  if (!seat) {
    auto admission = open_tunnels_.admit({row.identity, grant.client_id, row.peer}, row.time);
    if (!admission.seat) {
      handle->dismiss(admission.refusal);
      context_.counters.add(Count::limited, admission.limit);
    }
    seat = std::move(admission.seat);
  }
  TunnelRegistry::Tunnel tunnel{row,
                                recorded,
                                grant.who,
                                grant.destination,
                                grant.client_id,
                                grant.session,
                                grant.issued,
                                grant.terminal != nullptr,
                                std::move(handle),
                                std::move(seat)};
  // It has been dialled meanwhile.
  const bool other_rules = grant.configuration != 0 && grant.configuration != context_.configurations;
  const char* why = other_rules && !context_.config.tunnels_stay ? turned_out(tunnel) : nullptr;
  if (why != nullptr) tunnel.handle->dismiss(why);
  open_tunnels_.add(id, std::move(tunnel));
  return id;
}

void TunnelAuthority::resumed(std::int64_t id, const Request& request) {
  const TunnelRegistry::Tunnel* tunnel = open_tunnels_.find(id);
  if (tunnel == nullptr) return;
  context_.counters.add(Count::tunnels_resumed, tunnel->row.application);
  if (!tunnel->recorded) return;
  AuditRow row = row_of("tunnel_resume", request);
  row.time = context_.now();
  row.identity = tunnel->row.identity;
  row.application = tunnel->row.application;
  row.login_method = tunnel->row.login_method;
  row.tunnel = id;
  row.reason = "opened from " + tunnel->row.peer;
  context_.audit.append(row);
}

void TunnelAuthority::exchange_with_others() {
  end_revoked(false);
  published_.follow(context_.now(), attached_here(*context_.connectors));
}

// A revocation is a change of the state, by another process or by the dashboard.
void TunnelAuthority::end_revoked(bool changed_here) {
  const auto version = context_.store.revocations().version();
  if (version && *version == seen_changes_ && !changed_here) return;
  if (!version) spdlog::error("state: {}", version.error().detail);
  if (version) seen_changes_ = *version;
  open_tunnels_.for_each([this](std::int64_t, const TunnelRegistry::Tunnel& tunnel) {
    if (!tunnel.row.identity.empty() &&
        credentials_.no_longer_good({tunnel.row.identity, tunnel.client_id, tunnel.session, tunnel.issued}))
      tunnel.handle->dismiss(kAccessRevoked);
  });
  end_asked();
}

void TunnelAuthority::end_asked() {
  const auto asked = context_.store.tunnels().list_asked_to_end(published_.edge());
  if (!asked) return spdlog::error("state: {}", asked.error().detail);
  if (asked->empty()) return;
  std::map<std::int64_t, EndedBy> by;
  for (const TunnelStore::Asked& one : *asked) by[one.id] = one.who;
  open_tunnels_.for_each([&by](std::int64_t id, const TunnelRegistry::Tunnel& tunnel) {
    if (const auto found = by.find(id); found != by.end())
      tunnel.handle->dismiss(found->second == EndedBy::owner ? kEndedByOwner : kEndedByAdministrator);
  });
}

const char* TunnelAuthority::turned_out(const TunnelRegistry::Tunnel& tunnel) const {
  const auto app = applications_.find(tunnel.row.application);
  if (app == nullptr) return kNotServed;
  const Asking asking = tunnel.terminal ? Asking::for_identity : Asking::to_pass;
  if (!judge(tunnel.row.peer, *app->config, tunnel.who.get(), asking).passes()) return kNotAdmitted;
  if (tunnel.destination.empty() || find_destination(app->config->destinations, tunnel.destination))
    return nullptr;
  return kNotLedTo;
}

void TunnelAuthority::end_turned_out(const std::string* email) {
  if (context_.config.tunnels_stay) return;
  open_tunnels_.for_each([this, email](std::int64_t, const TunnelRegistry::Tunnel& tunnel) {
    if (email != nullptr && !TunnelRegistry::is_of(tunnel, *email)) return;
    if (const char* why = turned_out(tunnel)) tunnel.handle->dismiss(why);
  });
}

void TunnelAuthority::learn(const Identity& identity) {
  open_tunnels_.learn(std::make_shared<const Identity>(identity));
  end_turned_out(&identity.email);
}

void TunnelAuthority::reconfigured() {
  open_tunnels_.set_limits(context_.config.tunnel_limits);
  end_turned_out(nullptr);
}

void TunnelAuthority::closed(std::int64_t id, std::uint64_t up_bytes, std::uint64_t down_bytes,
                             std::string_view reason) {
  const auto tunnel = open_tunnels_.remove(id);
  AuditRow row = tunnel ? tunnel->row : AuditRow();
  row.time = context_.now();
  row.kind = "tunnel_close";
  row.tunnel = id;
  row.up_bytes = up_bytes;
  row.down_bytes = down_bytes;
  row.reason = reason;
  if (!tunnel || tunnel->recorded) context_.audit.append(row);
  context_.counters.add(Count::tunnels_closed, row.application);
  context_.counters.add(Count::up_bytes, row.application, up_bytes);
  context_.counters.add(Count::down_bytes, row.application, down_bytes);
  if (open_tunnels_.empty() && idle_) idle_();
}

}  // namespace cfpipe::edge
