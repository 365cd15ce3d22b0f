#include "edge/process/checked_config.h"

#include <grp.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <utility>

#include "edge/config/secret_file.h"
#include "edge/config/tls_files.h"
#include "edge/policy/app_name.h"
#include "edge/process/console.h"
#include "transport/tls/context.h"

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
  names.insert(names.end(), config.transfer_hosts.begin(), config.transfer_hosts.end());
  for (const ApplicationConfig& app : config.applications) {
    const auto name = AppName::parse(app.hostname);
    if (name && std::find(names.begin(), names.end(), name->host()) == names.end())
      names.push_back(name->host());
  }
  std::erase(names, "");
  const TlsFileFindings found =
      look_at_tls_files(config.certificate_file, config.key_file, names, std::time(nullptr));
  const auto add = [&loaded](ConfigFile::Kind kind, const std::vector<std::string>& faults) {
    for (const ConfigFile& file : loaded.files)
      if (file.kind == kind)
        for (const std::string& fault : faults) loaded.faults.push_back({file.line, fault});
  };
  add(ConfigFile::Kind::certificate, found.certificate);
  add(ConfigFile::Kind::private_key, found.key);
  loaded.warnings.insert(loaded.warnings.end(), found.warnings.begin(), found.warnings.end());
}

void check_group(LoadedConfig& loaded) {
  const auto& listen = loaded.config.listen;
  if (!listen || listen->group().empty() || ::getgrnam(listen->group().c_str()) != nullptr) return;
  loaded.faults.push_back({0, "'listen_group': there is no group '" + listen->group() + "'"});
}

std::optional<Config> without_faults(LoadedConfig loaded, const std::string& config_path, TlsFiles tls) {
  check_files(loaded);
  check_group(loaded);
  if (tls == TlsFiles::looked_at) check_tls_files(loaded);
  for (const std::string& warning : loaded.warnings) report(config_path + ": warning: " + warning);
  for (const ConfigFault& fault : loaded.faults)
    report(config_path + ":" + std::to_string(fault.line) + ": " + fault.text);
  if (!loaded.faults.empty()) return std::nullopt;
  return std::move(loaded.config);
}

void complain_of_missing_config(const std::string& config_path, const Failure& failure) {
  if (::access(config_path.c_str(), R_OK) == 0) {
    complain(failure);
  } else if (errno == EACCES) {
    complain(config_path + ": Permission denied; run this as root (sudo), or as the edge's user");
  } else {
    complain(config_path + ": " + std::strerror(errno) +
             "; name the configuration with --config FILE, or in CFPIPE_EDGE_CONFIG");
  }
}

}  // namespace

std::optional<Config> checked_config(const std::string& config_path) {
  auto loaded = load_config(config_path);
  if (loaded) return without_faults(std::move(*loaded), config_path, TlsFiles::passed_over);
  complain(loaded.error());
  return std::nullopt;
}

std::optional<Config> checked_config_as_owner(const std::string& config_path, const ConfigUse& use) {
  auto loaded = load_config(config_path);
  if (!loaded) {
    complain_of_missing_config(config_path, loaded.error());
    return std::nullopt;
  }
  if (!loaded->config.state_dir.empty()) {
    if (const auto became = become_owner(loaded->config.state_dir, use.keep, use.missing); !became) {
      complain(became.error());
      return std::nullopt;
    }
    // Root has read it; the edge reads it as its own user, again at each reload.
    const bool for_serving = use.tls == TlsFiles::looked_at || use.keep == Keep::low_ports;
    if (for_serving && ::access(config_path.c_str(), R_OK) != 0)
      loaded->faults.push_back({1, "the edge's user cannot read this file; chown or chmod it"});
  }
  return without_faults(std::move(*loaded), config_path, use.tls);
}

}  // namespace cfpipe::edge
