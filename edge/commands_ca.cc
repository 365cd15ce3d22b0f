#include <cstdio>
#include <filesystem>
#include <memory>

#include "edge/commands.h"
#include "edge/ssh_ca.h"
#include "edge/state.h"
#include "edge/text.h"

namespace cfpipe::edge {

transport::Result<std::unique_ptr<State>> open_state(const StateOption& option, bool known) {
  const auto fault = [](transport::Stage stage, std::string text) {
    return transport::Failure(stage, transport::Cause::bad_option, std::move(text));
  };
  std::string dir = option.dir;
  std::string config_path = option.config_path;
  std::error_code error;
  const bool unsaid = dir.empty() && config_path.empty();
  if (unsaid && std::filesystem::exists(kSystemConfig, error)) {
    config_path = kSystemConfig;
  } else if (unsaid) {
    dir = dev_state_dir();
    if (!std::filesystem::exists(dir + "/edge.db", error))
      return fault(transport::Stage::input, "say which edge with --state DIR or --config FILE");
  }
  if (!config_path.empty()) {
    const auto config = checked_config(config_path);
    if (!config) return fault(transport::Stage::config, config_path + " is not a valid configuration");
    dir = config->state_dir;
  }
  if (known && !std::filesystem::exists(dir + "/edge.db", error))
    return fault(transport::Stage::state, dir + " is not the state directory of an edge");
  return open_sqlite_state(dir);
}

int ca_generate(const StateOption& option, const std::string& hostname) {
  if (!valid_hostname(hostname)) {
    complain("--app must be the host name of an application");
    return kUsage;
  }
  auto state = open_state(option, false);
  if (!state) return complain(state.error());
  SshCa ca(**state);
  const auto made = ca.ensure(hostname);
  if (!made) return complain(made.error());
  if (!*made) {
    complain(hostname + " has an SSH CA already; print it with 'cfpipe-edge ca show --app " + hostname + "'");
    return kBadConfig;
  }
  const auto line = ca.public_line(hostname);
  if (!line) return complain(line.error());
  std::printf("%s\n", line->c_str());
  return kOk;
}

int ca_show(const StateOption& option, const std::string& hostname) {
  if (!valid_hostname(hostname)) {
    complain("--app must be the host name of an application");
    return kUsage;
  }
  auto state = open_state(option, true);
  if (!state) return complain(state.error());
  const auto line = SshCa(**state).public_line(hostname);
  if (!line) return complain(line.error());
  std::printf("%s\n", line->c_str());
  return kOk;
}

int ca_list(const StateOption& option) {
  auto state = open_state(option, true);
  if (!state) return complain(state.error());
  const auto names = SshCa(**state).hostnames();
  if (!names) return complain(names.error());
  for (const std::string& name : *names) std::printf("%s\n", name.c_str());
  return kOk;
}

}  // namespace cfpipe::edge
