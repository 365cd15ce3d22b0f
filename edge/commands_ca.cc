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

namespace {

int bad_hostname() {
  complain("--app must be the host name of an application");
  return kUsage;
}

int print_lines(SshCa& ca, const std::string& hostname) {
  const auto lines = ca.public_lines(hostname);
  if (!lines) return complain(lines.error());
  for (const std::string& line : *lines) std::printf("%s\n", line.c_str());
  return kOk;
}

}  // namespace

int ca_generate(const StateOption& option, const std::string& hostname) {
  if (!valid_hostname(hostname)) return bad_hostname();
  auto state = open_state(option, false);
  if (!state) return complain(state.error());
  SshCa ca(**state);
  const auto made = ca.ensure(hostname);
  if (!made) return complain(made.error());
  if (!*made) {
    complain(hostname + " has an SSH CA already; print it with 'cfpipe-edge ca show --app " + hostname + "'");
    return kBadConfig;
  }
  const int recorded = record_action(**state, {"ca_generate", {}, hostname, {}});
  return recorded == kOk ? print_lines(ca, hostname) : recorded;
}

int ca_show(const StateOption& option, const std::string& hostname) {
  if (!valid_hostname(hostname)) return bad_hostname();
  auto state = open_state(option, true);
  if (!state) return complain(state.error());
  SshCa ca(**state);
  return print_lines(ca, hostname);
}

int ca_rotate(const StateOption& option, const std::string& hostname) {
  if (!valid_hostname(hostname)) return bad_hostname();
  auto state = open_state(option, true);
  if (!state) return complain(state.error());
  SshCa ca(**state);
  const auto made = ca.rotate(hostname);
  if (!made) return complain(made.error());
  if (!*made) {
    complain(hostname + " has a next CA already; 'cfpipe-edge ca retire --app " + hostname +
             "' lets it sign once the servers have both lines");
    return kBadConfig;
  }
  if (const int recorded = record_action(**state, {"ca_rotate", {}, hostname, {}}); recorded != kOk)
    return recorded;
  complain("the first line signs until 'cfpipe-edge ca retire --app " + hostname +
           "'; before that, give every server both lines");
  return print_lines(ca, hostname);
}

int ca_retire(const StateOption& option, const std::string& hostname) {
  if (!valid_hostname(hostname)) return bad_hostname();
  auto state = open_state(option, true);
  if (!state) return complain(state.error());
  SshCa ca(**state);
  const auto moved = ca.retire(hostname);
  if (!moved) return complain(moved.error());
  if (!*moved) {
    complain(hostname + " has no next CA; make it with 'cfpipe-edge ca rotate --app " + hostname + "'");
    return kBadConfig;
  }
  if (const int recorded = record_action(**state, {"ca_retire", {}, hostname, {}}); recorded != kOk)
    return recorded;
  complain("this line signs now; take the other one off the servers once its certificates have expired");
  return print_lines(ca, hostname);
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
