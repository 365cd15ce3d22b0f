// What is open: sign-ins and tunnels.
#include "edge/api/open_access.h"

#include <boost/json/array.hpp>
#include <memory>

#include "base/text.h"
#include "edge/api/numbers.h"
#include "edge/http/responses.h"

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
          {"current", one.session == current}};
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

Answer list_tunnels(const ApiCall& call, std::string_view email) {
  json::array tunnels;
  call.site.tunnels.for_each([&](std::int64_t id, const TunnelRegistry::Tunnel& tunnel) {
    if (!email.empty() && !same_text(tunnel.row.identity, email)) return;
    const auto moved = tunnel.handle->moved();
    tunnels.push_back(json::object{{"id", id},
                                   {"identity", tunnel.row.identity},
                                   {"application", tunnel.row.application},
                                   {"peer", tunnel.row.peer},
                                   {"since", rfc3339(tunnel.row.time)},
                                   {"session", tunnel.session},
                                   {"terminal", tunnel.terminal},
                                   {"to", tunnel.row.reason},
                                   {"up_bytes", moved.up},
                                   {"down_bytes", moved.down}});
  });
  return json_answer(200, {{"tunnels", std::move(tunnels)}});
}

Answer end_tunnel(ApiCall& call, std::string_view email) {
  const auto id = number_in<std::int64_t>(call.argument);
  std::shared_ptr<TunnelHandle> handle;
  AuditRow row;
  call.site.tunnels.for_each([&](std::int64_t one, const TunnelRegistry::Tunnel& tunnel) {
    if (one != id || (!email.empty() && !same_text(tunnel.row.identity, email))) return;
    handle = tunnel.handle;
    row = tunnel.row;
  });
  if (!handle) return json_refusal(404, "there is no such tunnel open");
  // Recorded first: an act without its audit row does not happen.
  const auto recorded =
      call.operations.record("tunnel_end", row.identity, row.application, "tunnel " + std::to_string(*id));
  if (!recorded) return failed(recorded.error());
  handle->dismiss(email.empty() ? "an administrator has ended it" : "it was ended from the dashboard");
  return api_done();
}

}  // namespace cfpipe::edge
