#include "edge/command/commands.h"
#include "edge/process/supervisor.h"

namespace cfpipe::edge {

int check_config(const std::string& given) {
  return checked_config_as_owner(config_path_of(given), {TlsFiles::looked_at}) ? kOk : kBadConfig;
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
