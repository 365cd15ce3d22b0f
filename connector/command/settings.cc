// What the configuration and the command line say together, and how failures are reported.
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "base/log.h"
#include "connector/command/commands.h"
#include "connector/config/messages.h"
#include "service/logging.h"
#include "service/owner.h"

namespace cfpipe::connector {
namespace {

const char* environment(const char* name) {
  return std::getenv(name);
}

/// A dial that began before the network changed is not waited for as long as a person would.
constexpr std::chrono::milliseconds kTcpLimit{5'000};

Failure option_failure(std::string detail) {
  return {Stage::input, Cause::bad_option, std::move(detail)};
}

/// The file's configuration, or the preset where no file is needed.
Result<Config> file_config(const Options& options) {
  const bool named = !options.config_path.empty();
  const std::string path = named ? options.config_path : kDefaultConfig;
  if (!named && ::access(path.c_str(), F_OK) != 0) return Config();
  auto loaded = load_config(path);
  if (!loaded) return loaded.error();
  for (const ConfigFault& fault : loaded->faults)
    complain(path + ":" + std::to_string(fault.line) + ": " + fault.text);
  if (!loaded->faults.empty()) return Failure(Stage::config, Cause::bad_option);
  return std::move(loaded->config);
}

}  // namespace

Result<void> become_state_owner(const Options& options) {
  return service::become_owner(options.state_dir, kServiceAccount, service::Keep::nothing,
                               service::Missing::made);
}

Result<Config> effective_config(const Options& options) {
  auto config = file_config(options);
  if (!config) return config;
  if (!options.origins.empty()) {
    std::vector<AllowedOrigin> entries;
    for (const std::string& text : options.origins) {
      auto entry = AllowedOrigin::parse(text);
      if (!entry || entries.size() >= kMaxAllowedOrigins)
        return option_failure("--origin " + printable(text) +
                              ": give it as 127.0.0.1:22, [::1]:22, 10.0.0.0/24:22 or name.internal:22");
      entries.push_back(std::move(*entry));
    }
    config->origins = AllowList(std::move(entries));
  }
  if (options.ca_file) config->ca_file = *options.ca_file;
  if (options.proxy) {
    auto proxy = parse_proxy_setting(*options.proxy, "--proxy", environment);
    if (!proxy) return proxy.error();
    config->proxy = std::move(*proxy);
    config->no_proxy = config->proxy == nullptr;
  }
  return config;
}

Result<transport::DialOptions> dial_options(const Config& config, const Options& options) {
  transport::DialOptions out;
  out.tcp_deadline = kTcpLimit;
  if (options.connect_to) {
    auto place = Authority::parse(*options.connect_to);
    if (!place) return option_failure("--connect-to " + place.error().detail);
    out.connect_to = std::move(*place);
  }
  out.ca_file = config.ca_file;
  out.proxy = config.proxy;
  if (!out.proxy && !config.no_proxy) out.proxy = transport::proxy_of_environment(environment);
  return out;
}

void complain(const std::string& line) {
  if (service::log_format() == service::LogFormat::json) return spdlog::error("{}", line);
  std::fprintf(stderr, "cfpipe-connector: %s\n", line.c_str());
}

int complain(const Failure& failure) {
  // What is wrong with a configuration has been said line by line.
  if (failure.stage != Stage::config || !failure.detail.empty()) complain(line_for(failure));
  return words_for(failure).status;
}

}  // namespace cfpipe::connector
