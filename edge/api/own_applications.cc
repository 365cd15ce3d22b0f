// What a person may reach now.
#include "edge/api/own_applications.h"

#include <boost/json/array.hpp>
#include <utility>

#include "edge/config/way_in.h"
#include "edge/http/responses.h"
#include "edge/policy/app_name.h"

namespace cfpipe::edge {
namespace json = boost::json;
namespace {

/// A name that covers many hosts or paths has no lines to run.
json::object own_application(const ApiSite& site, const ApplicationConfig& one) {
  json::object out{{"hostname", one.hostname},
                   {"protocol", one.ssh ? "ssh" : "tcp"},
                   {"terminal", one.browser_terminal && site.judge(one, Asking::for_identity).passes()}};
  if (one.ssh) out["short_lived_certificates"] = one.certificates.has_value();
  const auto name = AppName::parse(one.hostname);
  if (!name || one.hostname.find('*') != std::string::npos) return out;
  const std::string place = https_authority(name->host(), site.config.public_port) + name->path();
  const WayIn way = way_in(one, name->host(), place, site.config.auth_host);
  out["command"] = way.command;
  if (!way.setup.empty()) out["setup"] = way.setup;
  if (!way.local.empty()) out["local"] = way.local;
  return out;
}

}  // namespace

Answer own_applications(const ApiSite& site) {
  json::array all;
  for (const ApplicationConfig& one : site.config.applications)
    if (site.judge(one, Asking::to_pass).passes()) all.push_back(own_application(site, one));
  return json_answer(200, {{"applications", std::move(all)}});
}

}  // namespace cfpipe::edge
