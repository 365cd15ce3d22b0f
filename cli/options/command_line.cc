#include "cli/options/command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>

#include "base/unknown_word.h"
#include "cli/options/help.h"
#include "cli/options/version.h"

namespace cfpipe::cli {

Failure usage(std::string detail) {
  return {Stage::input, Cause::bad_option, std::move(detail)};
}
Failure not_yet(const std::string& what) {
  return usage(what + " is not available yet in this release");
}

namespace {

void add_hostname(CLI::App& command, RawOptions& raw) {
  command
      .add_option("--hostname,--tunnel-host,-T", raw.hostname,
                  "Hostname of the application [$TUNNEL_SERVICE_HOSTNAME]")
      ->type_name("HOST");
}

/// Which key is certified, and for whom that had better be.
void add_key(CLI::App& command, RawOptions& raw) {
  command
      .add_option("--key", raw.key,
                  "Certify a key of yours: its file, or agent:COMMENT or agent:SHA256:… of your ssh-agent")
      ->type_name("KEY");
  command
      .add_option(
          "--key-type", raw.key_type,
          "Kind of the key that is made, ed25519 or ecdsa (P-256). Default: ecdsa in files, and in memory "
          "what the edge names")
      ->type_name("KIND");
}

void add_ssh(CLI::App& parent, RawOptions& raw) {
  auto* ssh =
      parent.add_subcommand("ssh", "Standard input and output through the edge to the application's origin");
  for (const char* alias : {"tcp", "rdp", "smb"}) ssh->alias(alias);
  add_hostname(*ssh, raw);
  ssh->add_option("--destination", raw.destination,
                  "Address the origin is to connect to [$TUNNEL_SERVICE_DESTINATION]")
      ->type_name("HOST:PORT");
  ssh->add_option("--url,--listener,-L", raw.listener,
                  "Listen there instead of using standard input and output: host:port, or unix:/path "
                  "[$TUNNEL_SERVICE_URL]")
      ->type_name("ADDRESS");
  ssh->add_option("--header,-H", raw.headers, "Another header of the request, 'Name: value'")
      ->type_name("HEADER")
      ->allow_extra_args(false);
  ssh->add_flag("--short-lived-cert", raw.short_lived_cert, "Also make a short-lived certificate");
  ssh->add_option("--agent", raw.agent,
                  "Serve key and certificate as an ssh-agent at this socket; the key never touches the disk")
      ->type_name("SOCKET");
  ssh->add_flag("--forward-agent", raw.forward_agent, "Let that agent be used where ssh -A forwards it to");
  add_key(*ssh, raw);
  ssh->add_option("--user", raw.user, "Warn if the certificate is not for this user name (ssh's %r)")
      ->type_name("NAME");
  ssh->add_option("--ping-interval", raw.ping_interval,
                  "Seconds of silence after which the edge is asked for a sign of life: 1 to 90, or 20")
      ->type_name("SECONDS");
  ssh->add_flag(
      "--no-resume", raw.no_resume,
      "End with the connection, instead of going on over another one where the edge keeps the session");
  ssh->add_option("--debug-stream", raw.debug_stream, "")->group("");
  ssh->add_option("address", raw.rest, "")->group("");
  ssh->fallthrough();
}

void add_config_and_gen(CLI::App& parent, RawOptions& raw) {
  auto* config = parent.add_subcommand("ssh-config", "Print ssh_config text for a host");
  add_hostname(*config, raw);
  config->add_flag("--short-lived-cert", raw.short_lived_cert,
                   "Log in to the host with short-lived certificates");
  config->add_option("--style", raw.style, "How ssh gets the certificate: agent, match or chain")
      ->type_name("STYLE");
  config->add_flag("--install", raw.install,
                   "Put the text into ~/.ssh/config.d/cfpipe instead, and have ~/.ssh/config include that");
  config->add_flag("--uninstall", raw.uninstall, "Take the block of --hostname, or all of them, out again");
  config->add_flag("--forward-agent", raw.forward_agent,
                   "Let the agent of style agent be forwarded (ssh -A)");
  add_key(*config, raw);
  config->fallthrough();
  auto* gen = parent.add_subcommand("ssh-gen", "Write a key and its short-lived certificate");
  add_hostname(*gen, raw);
  add_key(*gen, raw);
  gen->fallthrough();
}

void add_login_and_token(CLI::App& parent, RawOptions& raw) {
  auto* login = parent.add_subcommand("login", "Log in to an application");
  login->add_flag("--quiet,-q", raw.quiet, "Do not print the token");
  login->add_flag("--no-verbose", raw.no_verbose, "Print nothing but the token");
  login->add_flag("--auto-close", raw.auto_close, "Have the browser window closed after the login");
  auto* token = parent.add_subcommand("token", "Print the cached token of an application");
  auto* logout = parent.add_subcommand("logout", "Remove cached tokens, of one application or all");
  for (auto* command : {login, token, logout}) {
    command->add_option("--app", raw.app, "URL of the application")->type_name("URL");
    command->add_option("target", raw.target, "URL of the application");
    command->fallthrough();
  }
}

void add_curl(CLI::App& parent, RawOptions& raw) {
  auto* curl = parent.add_subcommand("curl", "Run curl with the token of the application in its request");
  curl->prefix_command();
  curl->footer(
      "cfpipe access [OPTIONS] curl [--allow-request|-ar] URL [ARGUMENTS OF CURL]\n\n"
      "With --allow-request (-ar) there is no login, and without a token the request is made all the same.");
  curl->callback([&raw, curl] { raw.curl_arguments = curl->remaining(); });
}

void add_doctor(CLI::App& parent, RawOptions& raw) {
  auto* doctor = parent.add_subcommand(
      "doctor", "Look at every stage on the way to a host, and say what to do about the first that fails");
  doctor->add_option("host", raw.target, "Hostname of the application");
  add_hostname(*doctor, raw);
  doctor->add_option("--user", raw.user, "The name to log in under: is the certificate for it?")
      ->type_name("NAME");
  doctor->add_flag("--short-lived-cert", raw.short_lived_cert, "There must be a short-lived certificate");
  add_key(*doctor, raw);
  doctor->add_flag("--json", raw.json, "Print one JSON object");
  doctor->add_option("--header,-H", raw.headers, "Another header of the request, 'Name: value'")
      ->type_name("HEADER")
      ->allow_extra_args(false);
  doctor->fallthrough();
}

void add_status(CLI::App& parent, RawOptions& raw) {
  auto* status = parent.add_subcommand(
      "status", "Show what you are signed in to and until when, certificates, and open sessions");
  status->add_flag("--json", raw.json, "Print one JSON object");
  status->fallthrough();
}

void add_list(CLI::App& parent, RawOptions& raw) {
  auto* list = parent.add_subcommand(
      "list", "List the applications that you may reach at every edge where you are signed in, or at one");
  list->add_option("target", raw.target, "URL of an application, or an edge's auth domain");
  list->add_flag("--json", raw.json, "Print one JSON object");
  list->add_flag("--auto-close", raw.auto_close, "Have the browser window closed after the login");
  list->fallthrough();
}

/// `only`: the command that was named, if it was named first. The options of all of them are most of what a
/// start works before it connects; so ssh, which starts a hundred times for once of the others, is spared
/// theirs.
void add_commands(CLI::App& parent, RawOptions& raw, std::string_view only) {
  parent.require_subcommand(1);
  add_ssh(parent, raw);
  if (only == "ssh") return;
  add_config_and_gen(parent, raw);
  add_login_and_token(parent, raw);
  add_curl(parent, raw);
  add_doctor(parent, raw);
  add_status(parent, raw);
  add_list(parent, raw);
}

void add_shared(CLI::App& app, RawOptions& raw) {
  app.add_option("--service-token-id,--id", raw.service_id, "Service token id [$TUNNEL_SERVICE_TOKEN_ID]")
      ->type_name("ID");
  app.add_option("--service-token-secret,--secret", raw.service_secret,
                 "Service token secret [$TUNNEL_SERVICE_TOKEN_SECRET]; better not on a command line")
      ->type_name("SECRET");
  app.add_option(
         "--service-token-file", raw.service_file,
         "File of yours alone (0600) with the service token: its id on one line, its secret on the next")
      ->type_name("FILE");
  app.add_option("--ca-file", raw.ca_file,
                 "PEM file of certificate authorities to trust instead of the system's")
      ->type_name("FILE");
  app.add_option("--auth-domain", raw.auth_domain,
                 "Trust this auth domain too, now and (once it has vouched for an application) from then on")
      ->type_name("HOST");
  app.add_flag("--no-browser", raw.no_browser,
               "Print the login URL only, as it is done anyway without a display or under an ssh session");
  app.add_option("--login-timeout", raw.login_timeout,
                 "How long a login waits for you to sign in: 90s, 5m (10m, and no longer)")
      ->type_name("DURATION");
  app.add_option("--connect-to", raw.connect_to,
                 "Connect to host[:port] instead; TLS still expects the hostname")
      ->type_name("HOST[:PORT]");
  app.add_option("--proxy", raw.proxy,
                 "Proxy to go through: http://, https://, socks5:// or socks5h://host:port; none for none "
                 "[$HTTPS_PROXY, $ALL_PROXY, $NO_PROXY]")
      ->type_name("URL");
  app.add_option("--cert", raw.cert, "PEM file of a client certificate, for an edge that wants one")
      ->type_name("FILE");
  app.add_option("--key-file", raw.key_file, "PEM file of its key, if that is not in the file of --cert")
      ->type_name("FILE");
  app.add_option("--dns-timeout", raw.dns_timeout, "Deadline of a name lookup (5s)")->type_name("DURATION");
  app.add_option("--connect-timeout", raw.connect_timeout,
                 "Deadline of connecting, all addresses together (10s)")
      ->type_name("DURATION");
  app.add_option("--proxy-timeout", raw.proxy_timeout, "Deadline of what is said to a proxy (10s)")
      ->type_name("DURATION");
  app.add_option("--tls-timeout", raw.tls_timeout, "Deadline of a TLS handshake (10s)")
      ->type_name("DURATION");
  app.add_option("--upgrade-timeout", raw.upgrade_timeout,
                 "Deadline of the edge's answer to a tunnel's request (15s)")
      ->type_name("DURATION");
  app.add_option("--first-byte-timeout", raw.first_byte_timeout,
                 "Deadline of the server's first byte through a tunnel, or off (ssh: 30s, else off)")
      ->type_name("DURATION");
  app.add_option("--transport", raw.transport, "How tunnels travel: auto (the default), h1 or h2")
      ->type_name("WAY");
  app.add_flag("--fedramp", raw.fedramp, "The application is in a FedRAMP account");
  app.add_option("--log-file,--logfile", raw.log_file, "Append the log to this file")->type_name("FILE");
  app.add_option("--log-directory", raw.log_directory, "Append the log to cfpipe.log in this directory")
      ->type_name("DIRECTORY");
  app.add_option("--log-level,--loglevel", raw.log_level,
                 "What is logged: debug, info (the default), warn, error or fatal")
      ->type_name("LEVEL");
}

/// The option names of an app and everything below it, short ones too, and the long name of each.
void collect_names(const CLI::App& app, std::map<std::string, std::string>& names) {
  for (const auto* option : app.get_options()) {
    for (const auto& name : option->get_lnames()) names.emplace(name, name);
    if (option->get_lnames().empty()) continue;
    for (const auto& name : option->get_snames()) names.emplace(name, option->get_lnames().front());
  }
  for (const auto* sub : app.get_subcommands(nullptr)) collect_names(*sub, names);
}

/// To the public client, one dash is as good as two, and `-T=host` is `-T host`: what is a long name of ours
/// gets its second dash, and a short one with an equals sign behind it becomes the long one.
std::vector<std::string> with_double_dashes(const CLI::App& app, const std::vector<std::string>& arguments) {
  std::map<std::string, std::string> names;
  collect_names(app, names);
  std::vector<std::string> out;
  bool for_curl = false;
  for (const auto& argument : arguments) {
    for_curl = for_curl || argument == "curl";
    const std::size_t dashes = argument.starts_with("--") ? 2 : argument.starts_with('-') ? 1 : 0;
    const auto end = std::min(argument.find('='), argument.size());
    const bool may_be = dashes > 0 && argument.size() > 2 && end > dashes && !for_curl;
    const auto known = may_be ? names.find(argument.substr(dashes, end - dashes)) : names.end();
    out.push_back(known != names.end() ? "--" + known->second + argument.substr(end) : argument);
  }
  return out;
}

/// The name of the subcommand that was given, below `access` or not.
std::string chosen(const CLI::App& app) {
  for (const auto* sub : app.get_subcommands()) {
    return sub->get_name() == "access" ? chosen(*sub) : sub->get_name();
  }
  return {};
}

/// The command as it was typed, `access` aside: the first word that is neither an option nor an option's
/// value.
std::string spelled(const CLI::App& app, const std::vector<std::string>& arguments) {
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const auto& word = arguments[i];
    if (word == "access" || word == "forward") continue;
    if (word.empty() || word[0] != '-') return word;
    const auto* const option = app.get_option_no_throw(word);
    if (option != nullptr && option->get_items_expected_max() > 0) ++i;
  }
  return {};
}

/// CLI11's complaint in one line, without the values of arguments, which may be secrets.
std::string complaint(const CLI::ParseError& error, const CLI::App& app,
                      const std::vector<std::string>& words) {
  const bool missing = dynamic_cast<const CLI::RequiredError*>(&error) != nullptr;
  if (missing || dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr) {
    if (const auto unknown = first_unknown(app, words)) return unknown->text();
    return missing ? "a command is missing" : "an argument that is not understood";
  }
  const std::string text = error.what();
  return printable(text.substr(0, text.find('=')));
}

/// True if `arguments` begins with `access`, which makes no difference.
bool is_below_access(const std::vector<std::string>& arguments) {
  return !arguments.empty() && (arguments[0] == "access" || arguments[0] == "forward");
}

std::variant<std::string, AskedText, Failure> read_words(const std::vector<std::string>& arguments,
                                                         RawOptions& raw) {
  if (!arguments.empty() && (arguments[0] == "--version" || arguments[0] == "-v" || arguments[0] == "-V" ||
                             arguments[0] == "version")) {
    return AskedText{version_text(std::count(arguments.begin(), arguments.end(), "--verbose") > 0)};
  }
  // `access` makes no difference: where it comes first, which is how a ProxyCommand starts us, a second tree
  // of the same commands is not built below it.
  const bool below_access = is_below_access(arguments);
  CLI::App app("ssh through a Cloudflare Access edge, or one of your own.",
               below_access ? "cfpipe access" : "cfpipe");
  add_shared(app, raw);
  auto* version = app.add_flag("--version,-v", raw.version_command, "Print the version");
  app.add_flag("--verbose", raw.verbose, "With --version: also the libraries inside, and their versions")
      ->needs(version);
  const std::string only = arguments.size() > below_access ? arguments[below_access] : "";
  add_commands(app, raw, only);
  if (!below_access && only != "ssh") {
    auto* access = app.add_subcommand("access", "The same commands, spelled as in cloudflared");
    access->alias("forward");
    add_commands(*access, raw, {});
    access->fallthrough();
  }
  auto words = with_double_dashes(app, arguments);
  raw.spelled = spelled(app, words);
  if (below_access) words.erase(words.begin());
  try {
    app.parse(std::vector<std::string>(words.rbegin(), words.rend()));
  } catch (const CLI::CallForHelp&) {
    return AskedText{help_text(app, app.get_name())};
  } catch (const CLI::ParseError& error) {
    if (raw.version_command) return AskedText{version_text(raw.verbose)};
    return usage(complaint(error, app, words));
  }
  return chosen(app);
}

}  // namespace

std::variant<std::string, AskedText, Failure> read_command_line(const std::vector<std::string>& arguments,
                                                                RawOptions& raw) {
  const std::size_t command = is_below_access(arguments) ? 1 : 0;
  const bool access_alone = command == 1 && arguments.size() == 1;
  const bool help = arguments.size() > command && (arguments[command] == "help" || arguments[command] == "h");
  if (!help && !access_alone) return read_words(arguments, raw);
  // Other spellings of --help.
  std::vector<std::string> spelled = arguments;
  if (help) spelled.erase(spelled.begin() + static_cast<std::ptrdiff_t>(command));
  spelled.emplace_back("--help");
  return read_words(spelled, raw);
}

}  // namespace cfpipe::cli
