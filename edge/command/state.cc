// Which edge a command is about, and as which user it looks into its state.
#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>
#include <ctime>
#include <filesystem>

#include "edge/command/commands.h"
#include "edge/config/way_in.h"
#include "edge/process/as_owner.h"
#include "edge/process/invoker.h"
#include "edge/store/sqlite_store.h"

namespace cfpipe::edge {
namespace {

Failure state_fault(Stage stage, std::string text) {
  return {stage, Cause::bad_option, std::move(text)};
}

/// A file that may not be looked at counts as there: what an edge of the system has is not passed over for
/// the user's own `dev`.
bool may_exist(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 || (errno != ENOENT && errno != ENOTDIR);
}

/// The configuration that an option means; empty where it means a state, or that of `dev`.
std::string config_meant(const StateOption& option) {
  if (!option.dir.empty()) return {};
  const std::string path = config_path_of(option.config_path);
  const bool unsaid = option.config_path.empty() && path == kSystemConfig;
  return !unsaid || may_exist(path) ? path : std::string();
}

Result<std::string> state_dir_of(const StateOption& option, Missing missing) {
  if (const std::string path = config_meant(option); !path.empty()) {
    const auto config = checked_config_as_owner(path, {TlsFiles::passed_over, Keep::nothing, missing});
    if (!config) return state_fault(Stage::config, {});
    return config->state_dir;
  }
  if (!option.dir.empty()) return option.dir;
  std::error_code error;
  std::string dir = dev_state_dir();
  if (std::filesystem::exists(dir + "/edge.db", error)) return dir;
  return state_fault(Stage::input, "say which edge with --state DIR or --config FILE");
}

}  // namespace

std::string config_path_of(const std::string& given) {
  if (!given.empty()) return given;
  const char* variable = std::getenv(kConfigVariable);
  return variable != nullptr && *variable != '\0' ? variable : kSystemConfig;
}

Result<std::string> own_state_dir(const StateOption& option, bool known) {
  const Missing missing = known ? Missing::left : Missing::made;
  auto dir = state_dir_of(option, missing);
  if (!dir) return dir;
  if (const auto became = become_owner(*dir, Keep::nothing, missing); !became) return became.error();
  if (const auto ours = check_owner(*dir); !ours) return ours.error();
  std::error_code error;
  if (known && !std::filesystem::exists(*dir + "/edge.db", error))
    return state_fault(Stage::state, *dir + " is not the state directory of an edge");
  return dir;
}

Result<std::unique_ptr<Store>> open_store(const StateOption& option, bool known) {
  const auto dir = own_state_dir(option, known);
  if (!dir) return dir.error();
  return open_sqlite_store(*dir);
}

Operations operations(Store& store, std::optional<std::int64_t> now) {
  return {store, now.value_or(std::time(nullptr)), {"command of " + invoking_user(), {}, {}}};
}

namespace {

/// Nothing: the option means a state alone, or the configuration cannot be read.
std::optional<Config> config_of(const StateOption& option) {
  const std::string path = config_meant(option);
  if (path.empty()) return std::nullopt;
  auto loaded = load_config(path);
  return loaded ? std::optional(std::move(loaded->config)) : std::nullopt;
}

}  // namespace

std::optional<Authority> auth_authority(const StateOption& option) {
  const auto config = config_of(option);
  if (!config) return std::nullopt;
  const auto authority = Authority::parse(https_authority(config->auth_host, config->public_port));
  return authority ? std::optional(*authority) : std::nullopt;
}

std::optional<AgentCa> agent_ca(const StateOption& option, const std::string& hostname) {
  const auto config = config_of(option);
  if (!config) return std::nullopt;
  for (const ApplicationConfig& app : config->applications)
    if (app.hostname == hostname && app.certificates) return app.certificates->agent;
  return std::nullopt;
}

}  // namespace cfpipe::edge
