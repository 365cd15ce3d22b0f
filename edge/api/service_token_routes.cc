// Service tokens.
#include <boost/json/array.hpp>

#include "base/text.h"
#include "edge/api/routes.h"
#include "edge/http/responses.h"

namespace cfpipe::edge {
namespace json = boost::json;
namespace {

Answer service_tokens(ApiCall& call) {
  const auto rows = call.site.store.service_tokens().list();
  if (!rows) return failed(rows.error());
  json::array all;
  for (const ServiceTokenRow& row : *rows)
    all.push_back(json::object{{"name", row.name},
                               {"client_id", row.client_id},
                               {"created", rfc3339(row.created)},
                               {"expires", rfc3339(row.expires)},
                               {"expired", row.expires <= call.site.now},
                               {"last_used", row.last_used == 0 ? std::string() : rfc3339(row.last_used)}});
  return json_answer(200, {{"service_tokens", std::move(all)}});
}

Answer create_service_token(ApiCall& call) {
  const std::string asked = call.text("duration");
  const std::string duration = asked.empty() ? duration_text(kDefaultServiceToken) : asked;
  const auto made = call.operations.create_service_token(call.text("name"), duration);
  if (!made) return failed(made.error());
  return json_answer(201, {{"name", call.text("name")},
                           {"client_id", made->client_id},
                           {"client_secret", made->secret.reveal()},
                           {"expires", rfc3339(made->expires)}});
}

Answer revoke_service_token(ApiCall& call) {
  const auto revoked = call.operations.revoke_service_token(call.argument);
  call.changed = static_cast<bool>(revoked);
  return revoked ? api_done() : failed(revoked.error());
}

}  // namespace

const std::vector<ApiRoute>& service_token_routes() {
  static const std::vector<ApiRoute> all{
      {"GET", "service-tokens", true, &service_tokens},
      {"POST", "service-tokens", true, &create_service_token},
      {"DELETE", "service-tokens/*", true, &revoke_service_token},
  };
  return all;
}

}  // namespace cfpipe::edge
