#include <algorithm>
#include <cstdio>
#include <ctime>

#include "edge/app_name.h"
#include "edge/commands.h"
#include "edge/oidc.h"
#include "edge/supervisor.h"
#include "edge/tls_files.h"
#include "transport/tls_context.h"

namespace cfpipe::edge {

namespace {

void check_files(LoadedConfig& loaded) {
  for (const ConfigFile& file : loaded.files) {
    if (file.kind == ConfigFile::Kind::secret) {
      if (const auto read = read_secret_file(file.path); !read)
        loaded.faults.push_back({file.line, file.path + ": " + read.error().detail});
    } else if (file.kind == ConfigFile::Kind::authorities) {
      if (const auto made = transport::TlsClientContext::make(file.path); !made)
        loaded.faults.push_back({file.line, file.path + ": holds no certificates that can be used"});
    }
  }
}

void check_tls_files(LoadedConfig& loaded) {
  const Config& config = loaded.config;
  if (config.certificate_file.empty() || config.key_file.empty()) return;  // which is a fault already
  std::vector<std::string> names{config.auth_host};
  for (const ApplicationConfig& app : config.applications) {
    const auto name = AppName::parse(app.hostname);
    if (name && std::find(names.begin(), names.end(), name->host()) == names.end())
      names.push_back(name->host());
  }
  std::erase(names, "");
  const TlsFileFindings found =
      look_at_tls_files(config.certificate_file, config.key_file, names, std::time(nullptr));
  names.insert(names.end(), config.transfer_hosts.begin(), config.transfer_hosts.end());
  const auto add = [&loaded](ConfigFile::Kind kind, const std::vector<std::string>& faults) {
    for (const ConfigFile& file : loaded.files)
      if (file.kind == kind)
        for (const std::string& fault : faults) loaded.faults.push_back({file.line, fault});
  };
  add(ConfigFile::Kind::certificate, found.certificate);
  add(ConfigFile::Kind::private_key, found.key);
  loaded.warnings.insert(loaded.warnings.end(), found.warnings.begin(), found.warnings.end());
}

}  // namespace

std::optional<Config> checked_config(const std::string& config_path, TlsFiles tls) {
  auto loaded = load_config(config_path);
  if (!loaded) {
    complain(loaded.error());
    return std::nullopt;
  }
  check_files(*loaded);
  if (tls == TlsFiles::looked_at) check_tls_files(*loaded);
  for (const std::string& warning : loaded->warnings)
    std::fprintf(stderr, "%s: warning: %s\n", config_path.c_str(), warning.c_str());
  for (const ConfigFault& fault : loaded->faults)
    std::fprintf(stderr, "%s:%d: %s\n", config_path.c_str(), fault.line, fault.text.c_str());
  if (!loaded->faults.empty()) return std::nullopt;
  return std::move(loaded->config);
}

int check_config(const std::string& config_path) {
  return checked_config(config_path, TlsFiles::looked_at) ? kOk : kBadConfig;
}

int run_edge(const std::string& config_path, const std::string& admin_listen, bool supervised) {
  ServeOptions options{config_path, std::nullopt};
  if (!admin_listen.empty()) {
    options.admin = parse_listener(admin_listen, std::nullopt);
    if (!options.admin) {
      complain("--admin-listen must be ADDRESS:PORT, such as 127.0.0.1:9443");
      return kUsage;
    }
  }
  if (supervised) return supervise(config_path, admin_listen);
  const auto config = checked_config(config_path, TlsFiles::looked_at);
  if (!config) return kBadConfig;
  return serve(*config, options);
}

}  // namespace cfpipe::edge
