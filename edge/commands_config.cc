#include <cstdio>

#include "edge/commands.h"
#include "edge/oidc.h"
#include "transport/tls_context.h"

namespace cfpipe::edge {

namespace {

void check_files(LoadedConfig& loaded) {
  for (const ConfigFile& file : loaded.files) {
    if (file.kind == ConfigFile::Kind::secret) {
      if (const auto read = read_secret_file(file.path); !read)
        loaded.faults.push_back({file.line, file.path + ": " + read.error().detail});
    } else if (const auto made = transport::TlsClientContext::make(file.path); !made) {
      loaded.faults.push_back({file.line, file.path + ": holds no certificates that can be used"});
    }
  }
}

}  // namespace

std::optional<Config> checked_config(const std::string& config_path) {
  auto loaded = load_config(config_path);
  if (!loaded) {
    complain(loaded.error());
    return std::nullopt;
  }
  for (const std::string& warning : loaded->warnings)
    std::fprintf(stderr, "%s: warning: %s\n", config_path.c_str(), warning.c_str());
  check_files(*loaded);
  for (const ConfigFault& fault : loaded->faults)
    std::fprintf(stderr, "%s:%d: %s\n", config_path.c_str(), fault.line, fault.text.c_str());
  if (!loaded->faults.empty()) return std::nullopt;
  return std::move(loaded->config);
}

int check_config(const std::string& config_path) {
  return checked_config(config_path) ? kOk : kBadConfig;
}

int run_edge(const std::string& config_path, const std::string& admin_listen) {
  ServeOptions options{config_path, std::nullopt};
  if (!admin_listen.empty()) {
    options.admin = parse_listener(admin_listen, std::nullopt);
    if (!options.admin) {
      complain("--admin-listen must be ADDRESS:PORT, such as 127.0.0.1:9443");
      return kUsage;
    }
  }
  const auto config = checked_config(config_path);
  if (!config) return kBadConfig;
  return serve(*config, options);
}

}  // namespace cfpipe::edge
