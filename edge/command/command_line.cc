// The command line: run, dev, and what is neither about the state nor about certificate authorities.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <limits>
#include <map>
#include <string_view>

#include "base/unknown_word.h"
#include "edge/command/command_options.h"
#include "edge/command/commands.h"
#include "service/logging.h"

namespace cfpipe::edge {
namespace {

void add_sshd_setup(CLI::App& root, Options& options, int& status) {
  CLI::App* setup = root.add_subcommand(
      "sshd-setup", "On a server: have its sshd trust an application's CA; undone if sshd does not like it");
  SshdSetupOptions& wanted = options.sshd;
  setup->add_option("--app", wanted.app, "Name of the application")->required();
  auto* keys = setup->add_option(
      "--ca-key", wanted.ca_keys,
      "File with what 'ca show' prints, - for standard input; by default it is looked up in the state");
  auto* uninstall = setup->add_flag("--uninstall", wanted.uninstall, "Trust that application's CA no longer");
  uninstall->excludes(keys);
  setup
      ->add_option(
          "--edge-address", wanted.edge_addresses,
          "Where the edge's connections come from, an address or a range, several by commas: sshd does "
          "not lock it out for the failures of one person; by default loopback if the keys are in the state")
      ->delimiter(',');
  setup->add_flag("--dry-run", wanted.dry_run, "Say what would be changed");
  setup->add_flag("--no-reload", wanted.no_reload, "Leave a running sshd as it is");
  setup->add_option("--sshd-config", wanted.place.config, "sshd's configuration")->capture_default_str();
  setup->add_option("--sshd", wanted.place.program, "sshd")->capture_default_str();
  add_state_options(*setup, options.state);
  setup->callback([&] { status = sshd_setup(options.state, options.sshd); });
}

void add_policy(CLI::App& root, Options& options, int& status) {
  CLI::App* policy = root.add_subcommand("policy", "The policies of a configuration");
  policy->require_subcommand(1);
  CLI::App* test = policy->add_subcommand(
      "test", "Say which policy and rule decide whether a user may reach an application; status 77 if not");
  PolicyTestOptions& wanted = options.policy_test;
  add_config_option(*test, wanted.config_path);
  test->add_option("--app", wanted.app, "Name of the application")->required();
  auto* email = test->add_option("--email", wanted.email,
                                 "Email of the user who has signed in; without it, no user has");
  test->add_option("--group", wanted.groups, "A group of theirs, once for each")
      ->needs(email)
      ->allow_extra_args(false);
  test->add_option("--login-method", wanted.login_method, "Name of the identity provider they signed in at")
      ->needs(email);
  test->add_flag("--groups-unknown", wanted.groups_unknown,
                 "The identity provider does not say which groups they are in")
      ->needs(email);
  test->add_option("--ip", wanted.ip, "The address they come from");
  test->add_option("--service-token", wanted.service_token, "Name of a valid service token that is shown")
      ->excludes(email);
  test->callback([&] { status = policy_test(wanted); });
}

void add_applications(CLI::App& root, Options& options, int& status) {
  CLI::App* application = root.add_subcommand("application", "The applications of a configuration");
  application->require_subcommand(1);
  CLI::App* list = application->add_subcommand("list", "List them, with what they lead to and who decides");
  add_config_option(*list, options.config_path);
  add_json(*list, options.json);
  list->callback([&] { status = application_list(options.config_path, options.json); });
}

void add_audit(CLI::App& root, Options& options, int& status) {
  CLI::App* audit = root.add_subcommand("audit", "Show who reached what, when, from where");
  AuditOptions& wanted = options.audit;
  audit->add_option("--since", wanted.since,
                    "A time (2026-01-31, 2026-01-31T12:00:00Z) or how long ago (24h)");
  auto* until = audit->add_option("--until", wanted.until, "Rows before that time, given like --since");
  audit->add_option("--identity", wanted.identity, "Rows of that email or service token");
  audit->add_option("--application", wanted.application, "Rows of the application of that name");
  audit->add_option("--kind", wanted.kinds, "Rows of that kind, such as login or tunnel_open, once for each")
      ->allow_extra_args(false);
  audit->add_flag("--follow", wanted.follow, "Print new rows as they come, until it is interrupted")
      ->excludes(until);
  add_json(*audit, wanted.json);
  add_state_options(*audit, options.state);
  audit->callback([&] { status = show_audit(options.state, options.audit); });
}

/// Names the format where --log-format does not.
constexpr const char* kLogFormatVariable = "CFPIPE_EDGE_LOG_FORMAT";

// Not by a check: since CLI11 2.4 a variable that fails one is as if it were not set.
void use_log_format(const std::string& name) {
  if (name != "text" && name != "json")
    throw CLI::ValidationError("--log-format", "'" + name + "' is neither text nor json");
  service::log_to_stderr(name == "json" ? service::LogFormat::json : service::LogFormat::text);
  ::setenv(kLogFormatVariable, name.c_str(), 1);  // for the processes that --supervise starts
}

void add_log_format(CLI::App& command) {
  command
      .add_option_function<std::string>("--log-format", &use_log_format,
                                        "How the log is written: text or json")
      ->envname(kLogFormatVariable)
      ->default_str("text");
}

void add_commands(CLI::App& root, Options& options, int& status) {
  CLI::App* run = root.add_subcommand("run", "Serve what a configuration file says");
  add_config_option(*run, options.config_path);
  run->add_option("--admin-listen", options.admin_listen,
                  "Address and port for /metrics, /healthz and /readyz, whatever the configuration says");
  run->add_flag(
      "--supervise", options.supervised,
      "Hold the listeners in a process in front, which on SIGUSR2 starts the program anew beside the "
      "one that serves, and has that one drain");
  add_log_format(*run);
  run->callback([&] { status = run_edge(options.config_path, options.admin_listen, options.supervised); });

  CLI::App* dev = root.add_subcommand("dev", "Serve on loopback, with a sign-in page that believes anybody");
  dev->add_option("--listen", options.dev.listen, "Loopback address and port; port 0 takes a free one")
      ->capture_default_str();
  dev->add_option("--origin", options.dev.origin, "The SSH server behind it")->capture_default_str();
  dev->add_option("--connector", options.dev.connector,
                  "The connector that dials it, by the NAME of 'connector create NAME'");
  dev->add_option("--hostname", options.dev.hostnames,
                  "Name of an application, once for each: a host, and maybe a path or a *")
      ->capture_default_str()
      ->allow_extra_args(false);
  dev->add_option("--auth-domain", options.dev.auth_domain, "Host name of the sign-in page")
      ->capture_default_str();
  dev->add_option("--email", options.dev.email,
                  "Address that the sign-in page offers; everybody of its domain is let in");
  dev->add_option("--group", options.dev.groups, "A group that everybody who signs in is in, once for each")
      ->allow_extra_args(false);
  dev->add_flag("--terminal", options.dev.terminal, "Show browsers a terminal (browser_rendering: ssh)");
  dev->add_option("--state", options.dev.state, "Directory for keys, certificates and the database");
  add_log_format(*dev);
  dev->callback([&] { status = run_dev(options.dev); });

  CLI::App* check =
      root.add_subcommand("check-config", "Say everything that is wrong with a configuration file");
  add_config_option(*check, options.config_path);
  check->callback([&] { status = check_config(options.config_path); });

  add_policy(root, options, status);
  add_administration(root, options, status);
  add_sshd_setup(root, options, status);

  CLI::App* backup =
      root.add_subcommand("backup", "Copy the state, keys and all, into a new file; the edge may be running");
  backup->add_option("FILE", options.output, "Where to; it must not exist")->required();
  add_state_options(*backup, options.state);
  backup->callback([&] { status = back_up(options.state, options.output); });

  add_applications(root, options, status);
  add_audit(root, options, status);
}

/// Names in --help what the value of each option is, in `app` and everything below it.
void name_values(CLI::App& app) {
  static const std::map<std::string_view, const char*> kValues{{"admin-listen", "ADDRESS:PORT"},
                                                               {"app", "NAME"},
                                                               {"application", "NAME"},
                                                               {"auth-domain", "HOST[:PORT]"},
                                                               {"ca-key", "FILE"},
                                                               {"config", "FILE"},
                                                               {"connector", "NAME"},
                                                               {"duration", "DURATION"},
                                                               {"edge-address", "ADDRESS"},
                                                               {"email", "EMAIL"},
                                                               {"group", "NAME"},
                                                               {"hostname", "HOST"},
                                                               {"identity", "NAME"},
                                                               {"ip", "ADDRESS"},
                                                               {"key", "FILE"},
                                                               {"kind", "KIND"},
                                                               {"listen", "ADDRESS:PORT"},
                                                               {"log-format", "FORMAT"},
                                                               {"login-method", "NAME"},
                                                               {"origin", "HOST:PORT"},
                                                               {"output", "FILE"},
                                                               {"serial", "NUMBER"},
                                                               {"service-token", "NAME"},
                                                               {"session", "ID"},
                                                               {"since", "TIME"},
                                                               {"sshd", "PROGRAM"},
                                                               {"sshd-config", "FILE"},
                                                               {"state", "DIRECTORY"},
                                                               {"type", "KIND"},
                                                               {"until", "TIME"},
                                                               {"NAME", ""},
                                                               {"SESSION", ""},
                                                               {"FILE", ""},
                                                               {"ID", ""}};
  for (CLI::Option* option : app.get_options()) {
    if (option->get_type_size() == 0) continue;
    const auto found =
        kValues.find(option->get_positional() ? std::string_view(option->get_name())
                                              : std::string_view(option->get_lnames().front()));
    if (found != kValues.end()) option->type_name(found->second);
  }
  for (CLI::App* command : app.get_subcommands(nullptr)) name_values(*command);
}

/// CLI11 ends the line itself.
std::string shown_version(bool verbose) {
  std::string text = version_text(verbose);
  text.pop_back();
  return text;
}

}  // namespace

int run_command_line(int argc, char** argv) {
  CLI::App root("The edge of cfpipe: sign-in, short-lived SSH certificates and tunnels for your own hosts.",
                "cfpipe-edge");
  bool verbose = false;
  auto* with_libraries =
      root.add_flag("--verbose", verbose, "With --version: also the libraries inside, and their versions");
  with_libraries->needs(root.set_version_flag("--version", [&] { return shown_version(verbose); }));
  root.require_subcommand(1);
  Options options;
  int status = kOk;
  add_commands(root, options, status);
  name_values(root);
  try {
    root.parse(argc, argv);
  } catch (const CLI::Success& asked) {
    return root.exit(asked);  // --help, --version
  } catch (const CLI::ParseError& error) {
    const std::vector<std::string> words(argv + std::min(argc, 1), argv + argc);
    const auto unknown = first_unknown(root, words);
    complain((unknown ? unknown->text() : std::string(error.what())) + "; see cfpipe-edge --help");
    return kUsage;
  }
  return status;
}

}  // namespace cfpipe::edge
