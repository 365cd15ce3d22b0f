// What people see and end of their own.
#include "base/text.h"
#include "edge/api/open_access.h"
#include "edge/api/own_applications.h"
#include "edge/api/routes.h"
#include "edge/http/responses.h"

namespace cfpipe::edge {
namespace {

Answer me(ApiCall& call) {
  return json_answer(200, {{"email", call.caller.identity.email},
                           {"administrator", call.caller.administrator},
                           {"session", call.caller.identity.nonce},
                           {"login_method", call.caller.identity.provider},
                           {"expires", rfc3339(call.caller.identity.expires)}});
}

Answer my_applications(ApiCall& call) {
  return own_applications(call.site);
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
