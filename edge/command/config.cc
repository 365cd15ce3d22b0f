// What is done with a configuration as a whole.
#include <boost/json/array.hpp>

#include "edge/command/commands.h"
#include "edge/policy/policy.h"
#include "edge/process/listing.h"
#include "edge/process/supervisor.h"
#include "edge/tunnel/origin.h"

namespace cfpipe::edge {

int check_config(const std::string& given) {
  return checked_config_as_owner(config_path_of(given), {TlsFiles::looked_at}) ? kOk : kBadConfig;
}

int application_list(const std::string& config_path, bool json) {
  const auto config = checked_config_as_owner(config_path_of(config_path));
  if (!config) return kBadConfig;
  std::vector<boost::json::object> rows;
  for (const ApplicationConfig& app : config->applications) {
    boost::json::array policies;
    for (const Policy& policy : app.policies)
      policies.push_back({{"decision", name_of(policy.decision)}, {"name", policy.name}});
    rows.push_back({{"application", app.hostname},
                    {"origin", origin_text(app)},
                    {"ssh", app.ssh},
                    {"certificates", app.certificates.has_value()},
                    {"terminal", app.browser_terminal},
                    {"policies", std::move(policies)}});
  }
  print_list({"application", "origin", "ssh", "certificates", "terminal", "policies"}, rows, json);
  return kOk;
}

int run_edge(const std::string& given, const std::string& admin_listen, bool supervised) {
  const std::string config_path = config_path_of(given);
  ServeOptions options{config_path, std::nullopt};
  if (!admin_listen.empty()) {
    options.admin = parse_listener(admin_listen, std::nullopt);
    if (!options.admin) {
      complain("--admin-listen must be ADDRESS:PORT, such as 127.0.0.1:9443");
      return kUsage;
    }
  }
  if (supervised) return supervise(config_path, admin_listen);
  const auto config =
      checked_config_as_owner(config_path, {TlsFiles::looked_at, Keep::low_ports, Missing::made});
  if (!config) return kBadConfig;
  return serve(*config, options);
}

}  // namespace cfpipe::edge
