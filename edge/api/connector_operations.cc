#include "edge/api/connector_operations.h"

#include <map>
#include <utility>

#include "auth/connector/protocol.h"
#include "base/text.h"
#include "edge/identity/connectors.h"

namespace cfpipe::edge {

std::vector<AttachmentRow> attached_here(const ConnectorRegistry& registry) {
  std::vector<AttachmentRow> out;
  for (const ConnectorRegistry::Attached& one : registry.list())
    out.push_back({{},
                   one.id,
                   one.instance,
                   one.version,
                   one.peer,
                   one.since,
                   static_cast<std::int64_t>(one.connections),
                   static_cast<std::int64_t>(one.tunnels)});
  return out;
}

Result<void> ConnectorOperations::check_name(const std::string& name) {
  if (auth::is_connector_name(name)) return {};
  return Failure(Stage::input, Cause::bad_option,
                 "a connector's name is of letters, digits, '.', '_' and '-', " +
                     std::to_string(auth::kMaxConnectorNameBytes) +
                     " at most, and begins with a letter or a digit");
}

Result<Secret> ConnectorOperations::create(const std::string& name, Authority edge) {
  if (const auto fine = check_name(name); !fine) return fine.error();
  auto token = Connectors(store_.connectors(), store_.pending()).invite(name, std::move(edge), now_);
  if (!token) return token.error();
  if (!*token)
    return Failure(Stage::config, Cause::bad_option,
                   "too many enrolment tokens are good already; wait until some have expired");
  const std::string until = "a token until " + rfc3339(now_ + kEnrolmentSeconds);
  if (const auto recorded = operations_.record("connector_created", name, {}, until); !recorded)
    return recorded.error();
  return (*token)->text();
}

Result<std::vector<ConnectorRow>> ConnectorOperations::revoke(const std::string& id_or_name) {
  if (const auto fine = check_name(id_or_name); !fine && !auth::is_connector_id(id_or_name))
    return fine.error();
  auto gone = Connectors(store_.connectors(), store_.pending()).revoke(id_or_name, now_);
  if (!gone) return gone.error();
  if (gone->empty())
    return Failure(Stage::config, Cause::bad_option,
                   "no connector of the name or id " + id_or_name +
                       " is enrolled; tokens that were made for that name are void now");
  for (const ConnectorRow& row : *gone)
    if (const auto recorded =
            operations_.record("connector_revoked", row.name, {}, row.id + " on " + row.host);
        !recorded)
      return recorded.error();
  return gone;
}

Result<std::vector<ConnectorOperations::Listed>> ConnectorOperations::list(std::vector<AttachmentRow> here,
                                                                           std::string_view edge) {
  const auto rows = store_.connectors().list();
  if (!rows) return rows.error();
  auto attached = store_.connectors().list_attached(now_, edge);
  if (!attached) return attached.error();
  for (AttachmentRow& one : here) {
    one.edge = edge;
    attached->push_back(std::move(one));
  }
  std::map<std::string, std::vector<AttachmentRow>> by_connector;
  for (AttachmentRow& one : *attached) by_connector[one.connector].push_back(std::move(one));
  std::vector<Listed> out;
  for (const ConnectorRow& row : *rows) out.push_back({row, std::move(by_connector[row.id])});
  return out;
}

}  // namespace cfpipe::edge
