#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <map>
#include <string_view>

#include "auth/connector/enrolment.h"
#include "base/unknown_word.h"
#include "connector/command/commands.h"
#include "connector/config/messages.h"
#include "service/logging.h"

namespace cfpipe::connector {
namespace {

/// Names the format where --log-format does not.
constexpr const char* kLogFormatVariable = "CFPIPE_CONNECTOR_LOG_FORMAT";

void add_state(CLI::App& command, Options& options) {
  command.add_option("--state", options.state_dir, "Directory of the enrolment and its key")
      ->capture_default_str();
}

void add_network(CLI::App& command, Options& options) {
  command.add_option("--ca-file", options.ca_file,
                     "PEM file with the authorities to trust instead of the system's");
  command.add_option("--proxy", options.proxy,
                     "Proxy to the edge (http, https, socks5, socks5h), or none; by default that of "
                     "$HTTPS_PROXY or $ALL_PROXY");
  command.add_option("--connect-to", options.connect_to,
                     "Where to dial the edge, instead of its name, which its certificate still must be for");
}

void add_config(CLI::App& command, Options& options) {
  command.add_option("--config", options.config_path,
                     std::string("Configuration file; by default ") + kDefaultConfig + " if it is there");
  command
      .add_option("--origin", options.origins,
                  "What tunnels may lead to instead of what the configuration says, once for each: "
                  "127.0.0.1:22, 10.0.0.0/24:22, name.internal:22, *.internal:22")
      ->allow_extra_args(false);
}

// Not by a check: since CLI11 2.4 a variable that fails one is as if it were not set.
void use_log_format(const std::string& name) {
  if (name != "text" && name != "json")
    throw CLI::ValidationError("--log-format", "'" + name + "' is neither text nor json");
  service::log_to_stderr(name == "json" ? service::LogFormat::json : service::LogFormat::text);
}

void add_commands(CLI::App& root, Options& options, int& status) {
  CLI::App* enrolling = root.add_subcommand(
      "enroll",
      "Make this machine known to an edge, with a token that 'cfpipe-edge connector create' prints");
  enrolling->add_option("TOKEN", options.token,
                        "The token; without it, it is read from standard input, which no other user can see");
  enrolling->add_flag("--replace", options.replace, "Replace the enrolment that is there");
  add_state(*enrolling, options);
  add_network(*enrolling, options);
  enrolling->callback([&] { status = enroll(options); });

  CLI::App* running = root.add_subcommand("run", "Attach to the edge, and serve its tunnels");
  add_config(*running, options);
  add_state(*running, options);
  add_network(*running, options);
  running->add_option("--extra-idle", options.extra_idle)->group("");
  running->add_flag("--once", options.once, "End if the edge cannot be attached to, instead of trying again");
  running
      ->add_option_function<std::string>("--log-format", &use_log_format,
                                         "How the log is written: text or json")
      ->envname(kLogFormatVariable)
      ->default_str("text");
  running->callback([&] { status = run(options); });

  CLI::App* checking = root.add_subcommand(
      "doctor",
      "Walk the way to the edge and to each listed origin, and say what is wrong and how to fix it");
  add_config(*checking, options);
  add_state(*checking, options);
  add_network(*checking, options);
  checking->callback([&] { status = doctor(options); });
}

/// Names in --help what the value of each option is, in `app` and everything below it.
void name_values(CLI::App& app) {
  static const std::map<std::string_view, const char*> kValues{
      {"ca-file", "FILE"},     {"connect-to", "HOST[:PORT]"},
      {"config", "FILE"},      {"log-format", "FORMAT"},
      {"origin", "HOST:PORT"}, {"proxy", "URL"},
      {"state", "DIRECTORY"},  {"TOKEN", ""}};
  for (CLI::Option* option : app.get_options()) {
    if (option->get_type_size() == 0) continue;
    const auto found =
        kValues.find(option->get_positional() ? std::string_view(option->get_name())
                                              : std::string_view(option->get_lnames().front()));
    if (found != kValues.end()) option->type_name(found->second);
  }
  for (CLI::App* command : app.get_subcommands(nullptr)) name_values(*command);
}

/// Other users see the words of a command line as long as they are in this memory. What may be secret is
/// overwritten: tokens, and proxies with a password.
void hide_secrets(int argc, char** argv) {
  constexpr std::string_view kProxy = "--proxy";
  for (int i = 1; i < argc; ++i) {
    const std::string_view word(argv[i]);
    const bool attached = word.starts_with(kProxy) && word.substr(kProxy.size()).starts_with('=');
    const bool proxy = attached || std::string_view(argv[i - 1]) == kProxy;
    if (proxy && word.find('@') != std::string_view::npos) {
      std::fill(argv[i] + (attached ? kProxy.size() + 1 : 0), argv[i] + word.size(), 'x');
    } else if (auth::EnrolmentToken::parse(word)) {
      std::fill(argv[i], argv[i] + word.size(), 'x');
    }
  }
}

/// CLI11 ends the line itself.
std::string shown_version(bool verbose) {
  std::string text = version_text(verbose);
  text.pop_back();
  return text;
}

}  // namespace

int run_command_line(int argc, char** argv) {
  CLI::App root(
      "The connector of cfpipe: lets an edge reach this machine's SSH server, which no one can dial.",
      "cfpipe-connector");
  bool verbose = false;
  auto* with_libraries =
      root.add_flag("--verbose", verbose, "With --version: also the libraries inside, and their versions");
  with_libraries->needs(root.set_version_flag("--version", [&] { return shown_version(verbose); }));
  root.require_subcommand(1);
  Options options;
  int status = kOk;
  add_commands(root, options, status);
  name_values(root);
  const std::vector<std::string> words(argv + std::min(argc, 1), argv + argc);
  std::vector<std::string> reversed(words.rbegin(), words.rend());
  hide_secrets(argc, argv);
  try {
    root.parse(std::move(reversed));
  } catch (const CLI::Success& asked) {
    return root.exit(asked);  // --help, --version
  } catch (const CLI::ParseError& error) {
    const auto unknown = first_unknown(root, words);
    complain((unknown ? unknown->text() : std::string(error.what())) + "; see cfpipe-connector --help");
    return kUsage;
  }
  return status;
}

}  // namespace cfpipe::connector
