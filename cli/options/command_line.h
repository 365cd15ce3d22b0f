#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "cli/options/options.h"

namespace cfpipe::cli {

/// The words of a command line, sorted by option and not yet checked. Nothing in here is anybody's but its
/// reader's: secrets are moved out of it.
struct RawOptions {
  std::string hostname, target, app, destination, listener, service_id, service_secret, service_file,
      login_timeout, agent, style, rest;
  std::string ca_file, connect_to, auth_domain, transport, log_file, log_directory, log_level;
  std::string key, key_type, user;
  std::vector<std::string> headers;
  std::vector<std::string> curl_arguments;
  bool short_lived_cert = false, forward_agent = false, quiet = false, no_verbose = false, auto_close = false;
  bool install = false, uninstall = false, json = false;
  bool no_browser = false, no_resume = false, fedramp = false, version_command = false, verbose = false;
  std::string debug_stream, ping_interval;
  std::optional<std::string> proxy;  ///< empty: none, whatever the environment says
  std::string cert, key_file;
  std::string dns_timeout, connect_timeout, proxy_timeout, tls_timeout, upgrade_timeout, first_byte_timeout;
  bool hostname_given = false;  ///< be it as nothing
  std::string spelled;          ///< the command as it was typed: `ssh` has aliases
};

/// A command line that makes no sense, Stage::input.
Failure usage(std::string detail);
/// What is spoken of in the manual and cannot be served: refused, never ignored.
Failure not_yet(const std::string& what);

/// Sorts the arguments (without the program's name) into `raw`. Returns the name of the command that was
/// given; or text that was asked for; or a Failure of Stage::input.
std::variant<std::string, AskedText, Failure> read_command_line(const std::vector<std::string>& arguments,
                                                                RawOptions& raw);

}  // namespace cfpipe::cli
