// What is open: sign-ins and tunnels.
#include "edge/api/open_access.h"

#include <boost/json/array.hpp>
#include <memory>

#include "base/text.h"
#include "edge/api/numbers.h"
#include "edge/http/responses.h"
#include "edge/tunnel/published_tunnels.h"

namespace cfpipe::edge {
namespace json = boost::json;
namespace {

json::object sign_in_object(const SessionRow& one, const std::string& current) {
  return {{"session", one.session},
          {"email", one.email},
          {"application", one.application},
          {"login_method", one.login_method},
          {"time", rfc3339(one.begun)},
          {"expires", rfc3339(one.expires)},
          {"peer", one.peer},
          {"device", one.device},
          {"current", one.session == current}};
}

json::object tunnel_object(const OpenTunnelRow& one) {
  return {{"id", one.id},
          {"identity", one.identity},
          {"application", one.application},
          {"peer", one.peer},
          {"since", rfc3339(one.since)},
          {"session", one.session},
          {"terminal", one.terminal},
          {"to", one.to},
          {"up_bytes", one.up_bytes},
          {"down_bytes", one.down_bytes},
          {"detached", one.detached > 0 ? rfc3339(one.detached) : std::string()}};
}

Answer no_such_tunnel() {
  return json_refusal(404, "there is no such tunnel open");
}

}  // namespace

Answer list_sign_ins(ApiCall& call, const std::string& email) {
  const auto all = call.operations.sign_ins(email, call.site.now - call.site.config.session_duration.count());
  if (!all) return failed(all.error());
  json::array sessions;
  for (const SessionRow& one : *all) sessions.push_back(sign_in_object(one, call.caller.identity.nonce));
  return json_answer(200, {{"sessions", std::move(sessions)}});
}

Result<SessionRow> end_sign_in(ApiCall& call, const std::string& session) {
  auto ended = call.operations.revoke_session(session);
  if (ended && !ended->revoked) call.changed = true;
  return ended;
}

Answer list_tunnels(ApiCall& call, std::string_view email) {
  json::array tunnels;
  call.site.tunnels.for_each([&](std::int64_t id, const TunnelRegistry::Tunnel& tunnel) {
    if (email.empty() || same_text(tunnel.row.identity, email))
      tunnels.push_back(tunnel_object(published_row(id, tunnel)));
  });
  const auto others = call.operations.tunnels(email, call.site.edge);
  if (!others) return failed(others.error());
  for (const OpenTunnelRow& one : *others) tunnels.push_back(tunnel_object(one));
  return json_answer(200, {{"tunnels", std::move(tunnels)}});
}

Answer end_tunnel(ApiCall& call, std::string_view email) {
  const auto id = number_in<std::int64_t>(call.argument);
  if (!id) return no_such_tunnel();
  std::shared_ptr<TunnelHandle> handle;
  AuditRow row;
  call.site.tunnels.for_each([&](std::int64_t one, const TunnelRegistry::Tunnel& tunnel) {
    if (one != *id || (!email.empty() && !same_text(tunnel.row.identity, email))) return;
    handle = tunnel.handle;
    row = tunnel.row;
  });
  if (!handle) {
    const auto ended = call.operations.end_tunnel(*id, email);
    if (ended) return api_done();
    return ended.error().stage == Stage::config ? no_such_tunnel() : failed(ended.error());
  }
  const auto recorded = call.operations.record_end(*id, row.identity, row.application);
  if (!recorded) return failed(recorded.error());
  handle->dismiss(email.empty() ? kEndedByAdministrator : kEndedByOwner);
  return api_done();
}

}  // namespace cfpipe::edge
