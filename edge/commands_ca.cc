#include <cstdio>
#include <ctime>
#include <filesystem>
#include <memory>

#include "edge/acts.h"
#include "edge/app_name.h"
#include "edge/commands.h"
#include "edge/ssh_ca.h"
#include "edge/state.h"
#include "edge/text.h"

namespace cfpipe::edge {

namespace {

/// The configuration that an option means; empty where it means a state, or that of `dev`.
std::string config_meant(const StateOption& option) {
  std::error_code error;
  const bool unsaid = option.dir.empty() && option.config_path.empty();
  return unsaid && std::filesystem::exists(kSystemConfig, error) ? kSystemConfig : option.config_path;
}

}  // namespace

transport::Result<std::unique_ptr<State>> open_state(const StateOption& option, bool known) {
  const auto fault = [](transport::Stage stage, std::string text) {
    return transport::Failure(stage, transport::Cause::bad_option, std::move(text));
  };
  std::string dir = option.dir;
  const std::string config_path = config_meant(option);
  std::error_code error;
  if (dir.empty() && config_path.empty()) {
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

namespace {

int print_lines(const transport::Result<std::vector<std::string>>& lines) {
  if (!lines) return complain(lines.error());
  for (const std::string& line : *lines) std::printf("%s\n", line.c_str());
  return kOk;
}

const AgentCa* pointer_to(const std::optional<AgentCa>& agent) {
  return agent ? &*agent : nullptr;
}

}  // namespace

std::optional<AgentCa> agent_ca(const StateOption& option, const std::string& hostname) {
  const std::string path = config_meant(option);
  const auto loaded = path.empty() ? transport::Result<LoadedConfig>(LoadedConfig()) : load_config(path);
  if (!loaded) return std::nullopt;
  for (const ApplicationConfig& app : loaded->config.applications)
    if (app.hostname == hostname && app.certificates) return app.certificates->agent;
  return std::nullopt;
}

transport::Result<std::vector<std::string>> ca_lines(const StateOption& option, State& state,
                                                     const std::string& hostname) {
  const auto agent = agent_ca(option, hostname);
  return Acts(state, std::time(nullptr)).ca(hostname, pointer_to(agent));
}

int ca_generate(const StateOption& option, const std::string& hostname, const std::string& type) {
  const auto agent = agent_ca(option, hostname);
  // Asked of an edge that has never run, this makes its state.
  auto state = open_state(option, !valid_app_name(hostname) || agent);
  if (!state) return complain(state.error());
  return print_lines(Acts(**state, std::time(nullptr)).generate_ca(hostname, pointer_to(agent), type));
}

int ca_show(const StateOption& option, const std::string& hostname) {
  auto state = open_state(option, true);
  if (!state) return complain(state.error());
  return print_lines(ca_lines(option, **state, hostname));
}

int ca_rotate(const StateOption& option, const std::string& hostname, const std::string& type) {
  auto state = open_state(option, true);
  if (!state) return complain(state.error());
  const auto agent = agent_ca(option, hostname);
  const auto lines = Acts(**state, std::time(nullptr)).rotate_ca(hostname, pointer_to(agent), type);
  if (lines)
    complain("the first line signs until 'cfpipe-edge ca retire --app " + hostname +
             "'; before that, give every server both lines");
  return print_lines(lines);
}

int ca_retire(const StateOption& option, const std::string& hostname) {
  auto state = open_state(option, true);
  if (!state) return complain(state.error());
  const auto agent = agent_ca(option, hostname);
  const auto lines = Acts(**state, std::time(nullptr)).retire_ca(hostname, pointer_to(agent));
  if (lines)
    complain("this line signs now; take the other one off the servers once its certificates have expired");
  return print_lines(lines);
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
