// What people see and end of their own.
#include <boost/json/array.hpp>

#include "base/text.h"
#include "edge/api/open_access.h"
#include "edge/api/routes.h"
#include "edge/config/way_in.h"
#include "edge/http/responses.h"
#include "edge/policy/app_name.h"

namespace cfpipe::edge {
namespace json = boost::json;
namespace {

/// A name that covers many hosts or paths has no lines to run.
json::object own_application(const ApiCall& call, const ApplicationConfig& one) {
  json::object out{{"hostname", one.hostname},
                   {"protocol", one.ssh ? "ssh" : "tcp"},
                   {"terminal", one.browser_terminal && call.site.judge(one, Asking::for_identity).passes()}};
  const auto name = AppName::parse(one.hostname);
  if (!name || one.hostname.find('*') != std::string::npos) return out;
  const std::string place = https_authority(name->host(), call.site.config.public_port) + name->path();
  const WayIn way = way_in(one, name->host(), place, call.site.config.auth_host);
  out["command"] = way.command;
  if (!way.setup.empty()) out["setup"] = way.setup;
  return out;
}

Answer me(ApiCall& call) {
  return json_answer(200, {{"email", call.caller.identity.email},
                           {"administrator", call.caller.administrator},
                           {"session", call.caller.identity.nonce},
                           {"login_method", call.caller.identity.provider},
                           {"expires", rfc3339(call.caller.identity.expires)}});
}

Answer my_applications(ApiCall& call) {
  json::array all;
  for (const ApplicationConfig& one : call.site.config.applications)
    if (call.site.judge(one, Asking::to_pass).passes()) all.push_back(own_application(call, one));
  return json_answer(200, {{"applications", std::move(all)}});
}

Answer my_sessions(ApiCall& call) {
  return list_sign_ins(call, call.caller.identity.email);
}

Answer end_my_session(ApiCall& call) {
  const auto mine = call.site.store.revocations().find_session(call.argument);
  if (!mine) return failed(mine.error());
  if (!*mine || !same_text((*mine)->email, call.caller.identity.email))
    return json_refusal(404, "you have no such session");
  const auto ended = end_sign_in(call, call.argument);
  return ended ? api_done() : failed(ended.error());
}

Answer my_tunnels(ApiCall& call) {
  return list_tunnels(call, call.caller.identity.email);
}

Answer end_my_tunnel(ApiCall& call) {
  return end_tunnel(call, call.caller.identity.email);
}

}  // namespace

const std::vector<ApiRoute>& own_routes() {
  static const std::vector<ApiRoute> all{
      {"GET", "me", false, &me},
      {"GET", "me/applications", false, &my_applications},
      {"GET", "me/sessions", false, &my_sessions},
      {"DELETE", "me/sessions/*", false, &end_my_session},
      {"GET", "me/tunnels", false, &my_tunnels},
      {"DELETE", "me/tunnels/*", false, &end_my_tunnel},
  };
  return all;
}

}  // namespace cfpipe::edge
