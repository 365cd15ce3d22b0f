// Connectors.
#include <boost/json/array.hpp>

#include "base/text.h"
#include "edge/api/connector_operations.h"
#include "edge/api/routes.h"
#include "edge/config/way_in.h"
#include "edge/http/responses.h"
#include "edge/identity/connectors.h"

namespace cfpipe::edge {
namespace json = boost::json;
namespace {

ConnectorOperations operations_of(ApiCall& call) {
  return {call.site.store, call.site.now, call.operations};
}

json::object attachment_object(const AttachmentRow& row) {
  return {{"edge", row.edge},      {"instance", row.instance},    {"version", row.version},
          {"peer", row.peer},      {"since", rfc3339(row.since)}, {"connections", row.connections},
          {"tunnels", row.tunnels}};
}

Answer connectors(ApiCall& call) {
  const auto found = operations_of(call).list(attached_here(call.site.connectors), call.site.edge);
  if (!found) return failed(found.error());
  json::array all;
  for (const ConnectorOperations::Listed& one : *found) {
    json::array attached;
    for (const AttachmentRow& row : one.attached) attached.push_back(attachment_object(row));
    all.push_back(json::object{
        {"id", one.row.id},
        {"name", one.row.name},
        {"host", one.row.host},
        {"created", rfc3339(one.row.created)},
        {"last_attached", one.row.last_attached == 0 ? std::string() : rfc3339(one.row.last_attached)},
        {"attached", std::move(attached)}});
  }
  return json_answer(200, {{"connectors", std::move(all)}});
}

Answer create_connector(ApiCall& call) {
  const Config& config = call.site.config;
  auto edge = Authority::parse(https_authority(config.auth_host, config.public_port));
  if (!edge) return failed(edge.error());
  const auto token = operations_of(call).create(call.text("name"), std::move(*edge));
  if (!token) return failed(token.error());
  return json_answer(201, {{"name", call.text("name")},
                           {"token", token->reveal()},
                           {"expires", rfc3339(call.site.now + kEnrolmentSeconds)}});
}

Answer revoke_connector(ApiCall& call) {
  const auto revoked = operations_of(call).revoke(call.argument);
  call.changed = static_cast<bool>(revoked);
  return revoked ? api_done() : failed(revoked.error());
}

}  // namespace

const std::vector<ApiRoute>& connector_routes() {
  static const std::vector<ApiRoute> all{
      {"GET", "connectors", true, &connectors},
      {"POST", "connectors", true, &create_connector},
      {"DELETE", "connectors/*", true, &revoke_connector},
  };
  return all;
}

}  // namespace cfpipe::edge
