#include <boost/json/array.hpp>
#include <cstdio>
#include <ctime>

#include "base/text.h"
#include "edge/api/connector_operations.h"
#include "edge/command/commands.h"
#include "edge/identity/connectors.h"
#include "edge/process/listing.h"

namespace cfpipe::edge {
namespace {

Failure unusable(std::string text) {
  return {Stage::input, Cause::bad_option, std::move(text)};
}

/// The auth domain that a token names. To be asked before open_store(), after which the configuration may be
/// out of reach.
Result<Authority> edge_of(const StateOption& option, const std::string& auth_domain) {
  if (auth_domain.empty()) {
    if (auto known = auth_authority(option)) return *known;
    return unusable(
        "say with --auth-domain HOST[:PORT] where connectors reach this edge: its state alone "
        "does not tell");
  }
  auto given = Authority::parse(auth_domain);
  if (!given) return unusable("--auth-domain: " + given.error().detail);
  return given;
}

boost::json::array attachments(const std::vector<AttachmentRow>& rows) {
  boost::json::array out;
  for (const AttachmentRow& row : rows)
    out.push_back(boost::json::object{{"edge", row.edge},
                                      {"instance", row.instance},
                                      {"version", row.version},
                                      {"peer", row.peer},
                                      {"since", rfc3339(row.since)},
                                      {"connections", row.connections},
                                      {"tunnels", row.tunnels}});
  return out;
}

/// For the table, which has one cell for each.
boost::json::array peers_of(const std::vector<AttachmentRow>& rows) {
  boost::json::array out;
  for (const AttachmentRow& row : rows) out.emplace_back(row.peer);
  return out;
}

std::int64_t tunnels_of(const std::vector<AttachmentRow>& rows) {
  std::int64_t sum = 0;
  for (const AttachmentRow& row : rows) sum += row.tunnels;
  return sum;
}

}  // namespace

int connector_create(const StateOption& option, const std::string& name, const std::string& auth_domain) {
  if (const auto fine = ConnectorOperations::check_name(name); !fine) return complain(fine.error());
  const auto edge = edge_of(option, auth_domain);
  auto store = open_store(option, true);
  if (!store) return complain(store.error());
  if (!edge) return complain(edge.error());
  const std::int64_t now = std::time(nullptr);
  Operations common = operations(**store, now);
  const auto token = ConnectorOperations(**store, now, common).create(name, *edge);
  if (!token) return complain(token.error());
  std::printf("%s\n", std::string(token->reveal()).c_str());
  complain("the token enrols one connector, within " + std::to_string(kEnrolmentSeconds / 60) +
           " minutes: on the server, run 'cfpipe-connector enroll' and paste it there");
  return kOk;
}

int connector_list(const StateOption& option, bool json) {
  auto store = open_store(option, true);
  if (!store) return complain(store.error());
  const std::int64_t now = std::time(nullptr);
  Operations common = operations(**store, now);
  const auto found = ConnectorOperations(**store, now, common).list();
  if (!found) return complain(found.error());
  std::vector<boost::json::object> rows;
  for (const ConnectorOperations::Listed& one : *found) {
    boost::json::object row{
        {"id", one.row.id},
        {"name", one.row.name},
        {"host", one.row.host},
        {"created", rfc3339(one.row.created)},
        {"last_attached", one.row.last_attached == 0 ? "never" : rfc3339(one.row.last_attached)},
        {"attached", json ? attachments(one.attached) : peers_of(one.attached)}};
    if (!json) row["tunnels"] = tunnels_of(one.attached);
    rows.push_back(std::move(row));
  }
  print_list({"id", "name", "host", "created", "last_attached", "attached", "tunnels"}, rows, json);
  return kOk;
}

int connector_revoke(const StateOption& option, const std::string& id_or_name) {
  auto store = open_store(option, true);
  if (!store) return complain(store.error());
  const std::int64_t now = std::time(nullptr);
  Operations common = operations(**store, now);
  const auto gone = ConnectorOperations(**store, now, common).revoke(id_or_name);
  if (!gone) return complain(gone.error());
  for (const ConnectorRow& row : *gone)
    complain("connector " + row.name + " (" + row.id + " on " + printable(row.host) +
             ") is revoked, and a running edge ends its connections");
  return kOk;
}

}  // namespace cfpipe::edge
