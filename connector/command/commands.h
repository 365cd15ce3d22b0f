#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/secret.h"
#include "connector/config/config.h"
#include "connector/config/enrolment.h"
#include "transport/dial/dial_options.h"

namespace cfpipe::connector {

/// Where the configuration is looked for unless --config names one; it need not be there.
inline constexpr const char* kDefaultConfig = "/etc/cfpipe-connector.yaml";

/// The options of all commands.
struct Options {
  std::string state_dir = kDefaultStateDir;
  std::string config_path;                ///< empty: kDefaultConfig, if it is there
  std::vector<std::string> origins;       ///< instead of those of the configuration
  std::optional<std::string> ca_file;     ///< the same
  std::optional<std::string> proxy;       ///< the same
  std::optional<std::string> connect_to;  ///< where the edge is dialled, instead of its name
  std::optional<std::string> token;       ///< of `enroll`; nothing: standard input
  bool replace = false;
  int extra_idle = 0;  ///< seconds, for tests; 0: as long as usual
  bool once = false;
};

/// Runs the command line; the exit status.
int run_command_line(int argc, char** argv);

// Each returns the exit status.
int enroll(const Options& options);
int run(const Options& options);
int doctor(const Options& options);

/// The account of the packaged service, whose home is kDefaultStateDir.
inline constexpr const char* kServiceAccount = "cfpipe-connector";
/// What root runs becomes the owner of the state, so that the service can read what it writes. Stage::state.
Result<void> become_state_owner(const Options& options);
/// The configuration, and above it what the command line says. What is wrong has been reported; then nothing
/// is returned. Stage::config.
Result<Config> effective_config(const Options& options);
/// How the edge is dialled. Stage::input.
Result<transport::DialOptions> dial_options(const Config& config, const Options& options);

/// `cfpipe-connector: LINE` on standard error, or an error in the log where that is JSON.
void complain(const std::string& line);
/// The same for a failure, unless its detail is empty; the exit status that goes with it.
int complain(const Failure& failure);

std::string version_text(bool verbose);

}  // namespace cfpipe::connector
