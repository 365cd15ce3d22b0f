#include <cstdio>

#include "edge/commands.h"

namespace cfpipe::edge {

std::optional<Config> checked_config(const std::string& config_path) {
  auto loaded = load_config(config_path);
  if (!loaded) {
    complain(loaded.error());
    return std::nullopt;
  }
  for (const ConfigFault& fault : loaded->faults)
    std::fprintf(stderr, "%s:%d: %s\n", config_path.c_str(), fault.line, fault.text.c_str());
  if (!loaded->faults.empty()) return std::nullopt;
  return std::move(loaded->config);
}

int check_config(const std::string& config_path) {
  return checked_config(config_path) ? kOk : kBadConfig;
}

int run_edge(const std::string& config_path) {
  const auto config = checked_config(config_path);
  if (!config) return kBadConfig;
  if (config->identity_provider == IdentityProvider::oidc) {
    complain(config_path + ": sign-in through OpenID Connect is not available yet; see the README");
    return kBadConfig;
  }
  return serve(*config, false);
}

}  // namespace cfpipe::edge
