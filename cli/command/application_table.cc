#include "cli/command/application_table.h"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "base/table.h"

namespace cfpipe::cli {
namespace json = boost::json;
namespace {

using Row = std::vector<std::string>;

/// Where a listener for TCP is proposed if the edge names no port.
constexpr std::uint16_t kSomePort = 10022;

std::string domain_text(const Authority& auth_domain) {
  return auth_domain.text_without(kHttpsPort);
}

std::string_view host_in(const auth::ListedApplication& app) {
  return std::string_view(app.hostname).substr(0, app.hostname.find('/'));
}

Row application_row(const auth::ListedApplication& app, const Authority& auth_domain) {
  const WayThere way = way_there(app, auth_domain);
  return {app.hostname, app.protocol, app.terminal ? "yes" : "no", domain_text(auth_domain),
          way.command.empty() ? "-" : way.command};
}

json::object application_object(const auth::ListedApplication& app, const Authority& auth_domain) {
  json::object out{{"auth_domain", domain_text(auth_domain)},
                   {"hostname", app.hostname},
                   {"protocol", app.protocol},
                   {"terminal", app.terminal}};
  const WayThere way = way_there(app, auth_domain);
  if (!way.command.empty()) out["command"] = way.command;
  if (!way.setup.empty()) out["setup"] = way.setup;
  return out;
}

json::object unlisted_object(const UnlistedEdge& edge) {
  return {{"auth_domain", printable(edge.auth_domain)},
          {"message", what_text(edge.failure, edge.words)},
          {"fix", edge.words.hint},
          {"status", static_cast<int>(edge.words.status)}};
}

}  // namespace

WayThere way_there(const auth::ListedApplication& app, const Authority& auth_domain) {
  if (app.names_many()) return {};
  const std::string host(host_in(app));
  const std::uint16_t port = auth_domain.port_or(kHttpsPort);
  const std::string place =
      host + (port == kHttpsPort ? "" : ":" + std::to_string(port)) + app.hostname.substr(host.size());
  const std::string trust = " --auth-domain " + auth_domain.host.text();
  if (app.protocol == "ssh")
    return {"ssh " + host, "cfpipe access ssh-config --install --hostname " + place +
                               (app.certificates ? " --short-lived-cert" : "") + trust};
  if (app.protocol != "tcp") return {};
  const std::uint16_t local = app.local_port != 0 ? app.local_port : kSomePort;
  return {"cfpipe access tcp --hostname " + place + " --url 127.0.0.1:" + std::to_string(local) + trust, {}};
}

std::string ApplicationTable::text(const std::function<bool(std::string_view host)>& set_up) const {
  std::vector<Row> rows{{"HOSTNAME", "PROTOCOL", "TERMINAL", "EDGE", "COMMAND"}};
  std::string nothing, setups;
  for (const auto& edge : listed) {
    if (edge.applications.empty())
      nothing +=
          "The policies of " + domain_text(edge.auth_domain) + " admit you to no application at present.\n";
    for (const auto& app : edge.applications) {
      rows.push_back(application_row(app, edge.auth_domain));
      const WayThere way = way_there(app, edge.auth_domain);
      if (!way.setup.empty() && !set_up(host_in(app))) setups += "  " + way.setup + "\n";
    }
  }
  std::string out = rows.size() > 1 ? table(rows) : std::string();
  if (listed.empty() && unlisted.empty())
    out = "You are signed in at no edge; cfpipe list with the URL of an application signs you in.\n";
  if (!setups.empty()) out += "\nBefore the first ssh, once on this machine:\n" + setups;
  return out + nothing;
}

std::string ApplicationTable::json() const {
  json::array applications, rest;
  for (const auto& edge : listed)
    for (const auto& app : edge.applications)
      applications.push_back(application_object(app, edge.auth_domain));
  for (const auto& edge : unlisted) rest.push_back(unlisted_object(edge));
  return json::serialize(
             json::object{{"applications", std::move(applications)}, {"not_listed", std::move(rest)}}) +
         "\n";
}

}  // namespace cfpipe::cli
