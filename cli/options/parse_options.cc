#include "cli/options/parse_options.h"

#include <algorithm>
#include <map>
#include <set>

#include "auth/agent/socket.h"
#include "auth/certificate/user_key.h"
#include "base/text.h"
#include "cli/options/command_line.h"
#include "cli/options/network_options.h"
#include "cli/options/parse_values.h"

namespace cfpipe::cli {
namespace {

/// Longest --key and --user, in bytes.
constexpr std::size_t kMaxKeyNameBytes = 4096;

void from_environment(RawOptions& raw, Command command, const Environment& environment) {
  const auto fill = [&](std::string& value, const char* name) {
    const char* set = value.empty() ? environment(name) : nullptr;
    if (set != nullptr) value = set;
  };
  if (raw.service_file.empty() && command != Command::list) {
    fill(raw.service_id, "TUNNEL_SERVICE_TOKEN_ID");
    fill(raw.service_secret, "TUNNEL_SERVICE_TOKEN_SECRET");
  }
  if (command == Command::ssh || command == Command::ssh_gen || command == Command::ssh_config ||
      command == Command::doctor) {
    fill(raw.hostname, "TUNNEL_SERVICE_HOSTNAME");
  }
  if (command != Command::ssh) {
    // As with the public client, whose tunnels do not look at these either.
    fill(raw.log_level, "TUNNEL_LOGLEVEL");
    fill(raw.log_file, "TUNNEL_LOGFILE");
    fill(raw.log_directory, "TUNNEL_LOGDIRECTORY");
    return;
  }
  fill(raw.destination, "TUNNEL_SERVICE_DESTINATION");
  fill(raw.listener, "TUNNEL_SERVICE_URL");
}

/// Flags that are spoken of in the manual and cannot be served: refused, never ignored.
Result<void> refuse_unavailable(const RawOptions& raw) {
  if (!raw.debug_stream.empty()) return not_yet("--debug-stream");
  return {};
}

Result<void> take_listener(const RawOptions& raw, Options& options) {
  if (!raw.listener.empty() && !raw.rest.empty()) return usage("an address to listen on is given twice");
  const std::string& text = raw.listener.empty() ? raw.rest : raw.listener;
  if (text.empty()) return {};
  auto address = parse_listen_address(text);
  if (!address) return address.error();
  options.listen = std::move(*address);
  return {};
}

Result<Transport> parse_transport(const RawOptions& raw) {
  if (raw.transport == "h1") return Transport::h1;
  if (raw.transport == "h2") return Transport::h2;
  if (raw.transport.empty() || raw.transport == "auto") return Transport::automatic;
  return usage("--transport takes auto, h1 or h2");
}

bool names_key_file(const RawOptions& raw) {
  return !raw.key.empty() && !raw.key.starts_with(auth::kAgentKeyPrefix);
}

Result<ConfigStyle> parse_style(const RawOptions& raw) {
  if (raw.style == "agent") return ConfigStyle::agent;
  if (raw.style == "match") return ConfigStyle::match;
  if (raw.style == "chain") return ConfigStyle::chain;
  if (!raw.style.empty()) return usage("--style takes agent, match or chain");
  if (names_key_file(raw)) return ConfigStyle::match;
  return raw.short_lived_cert || !raw.key.empty() ? ConfigStyle::agent : ConfigStyle::plain;
}

/// What lets a request in may be given as a header too: a service token is then one as any other, and a token
/// of the user's own is taken as it is.
Result<void> take_headers(RawOptions& raw, Options& options) {
  for (const auto& text : raw.headers) {
    auto header = parse_header(text);
    if (!header) return header.error();
    auto& [name, value] = *header;
    const std::string small = lower(name);
    if (small == "cf-access-client-id" || small == "cf-access-client-secret") {
      auto& half = small.ends_with("id") ? raw.service_id : raw.service_secret;
      if (half.empty()) half = std::move(value);
      continue;
    }
    if (small == "cf-access-token" ||
        (small == "cookie" && value.find("CF_Authorization=") != std::string::npos)) {
      options.brings_token = true;
    }
    options.headers.push_back(std::move(*header));
  }
  if (raw.destination.empty()) return {};
  // A scheme in front and a path behind mean nothing to the edge either.
  std::string_view place = raw.destination;
  if (const auto scheme = place.find("://"); scheme != std::string_view::npos)
    place.remove_prefix(scheme + 3);
  auto header = parse_header(std::string(kDestinationHeader) + ": " + raw.destination);
  if (!header || !Authority::parse(place.substr(0, place.find('/'))) ||
      raw.destination.find_first_of(" \t") != std::string::npos)
    return usage("--destination takes host:port");
  options.headers.push_back(std::move(*header));
  options.names_destination = true;
  return {};
}

Result<void> take_service_token(RawOptions& raw, Options& options) {
  const bool given = !(raw.service_id.empty() && raw.service_secret.empty() && raw.service_file.empty());
  if (given && options.command == Command::list)
    return usage("a service token has no list; cfpipe list is about what a person may reach");
  if (!raw.service_file.empty() && !(raw.service_id.empty() && raw.service_secret.empty())) {
    return usage("a service token is given twice, by --service-token-file and by itself");
  }
  options.service_token_file = std::move(raw.service_file);
  if (raw.service_id.empty() != raw.service_secret.empty()) {
    return usage("a service token needs both --service-token-id and --service-token-secret");
  }
  const auto plain = [](const std::string& text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
  };
  if (!plain(raw.service_id) || !plain(raw.service_secret))
    return usage("the service token holds a character it cannot");
  options.service_token_id = std::move(raw.service_id);
  options.service_token_secret = Secret(std::move(raw.service_secret));
  return {};
}

/// `[--allow-request] URL ARGS…`. Discovery asks the URL's path without what only curl or the origin
/// understands (globs, a query); curl is given the URL over https, whatever it was, since a token goes along.
Result<void> take_curl(RawOptions& raw, Options& options) {
  auto words = std::move(raw.curl_arguments);
  if (!words.empty() && (words[0] == "--allow-request" || words[0] == "-ar")) {
    options.allow_request = true;
    words.erase(words.begin());
  }
  if (words.empty() || words[0].empty() || words[0][0] == '-') return usage("curl wants the URL first");
  std::string_view rest = words[0];
  for (const std::string_view scheme : {"https://", "http://"}) {
    if (!rest.starts_with(scheme)) continue;
    rest.remove_prefix(scheme.size());
    break;
  }
  const auto authority = rest.substr(0, rest.find_first_of("/?#"));
  const auto tail = rest.substr(authority.size());
  const auto path = tail.substr(0, std::min(tail.find_first_of("[{?#"), tail.find("//")));
  auto url = parse_hostname(std::string(authority) + std::string(path));
  if (!url) return url.error();
  words[0] = "https://" + url->authority() + std::string(tail);
  if (url->path().starts_with("/cdn-cgi/"))
    url->target = "/";  // the edge's own pages belong to no application
  options.url = std::move(*url);
  options.has_url = true;
  options.curl_arguments = std::move(words);
  return {};
}

Result<void> take_target(RawOptions& raw, Options& options) {
  if (options.command == Command::curl) return take_curl(raw, options);
  if (options.command == Command::status) return {};
  const bool by_hostname = options.command == Command::ssh || options.command == Command::ssh_gen ||
                           options.command == Command::ssh_config;
  std::string text = by_hostname ? raw.hostname : raw.target.empty() ? raw.app : raw.target;
  if (options.command == Command::doctor && text.empty()) text = raw.hostname;
  if (raw.install && raw.uninstall) return usage("--install and --uninstall are opposites");
  options.install = raw.install ? Install::install : raw.uninstall ? Install::uninstall : Install::none;
  const bool works_without = options.command == Command::logout || options.command == Command::list;
  if (text.empty() && (works_without || raw.uninstall)) return {};
  if (text.empty() && options.command == Command::ssh_config && !raw.install && !raw.hostname_given)
    return {};
  if (text.empty()) {
    return usage(by_hostname ? "--hostname is missing, e.g. --hostname vm.example.com"
                             : "the URL of the application is missing");
  }
  auto url = parse_hostname(text, options.command == Command::ssh_config);
  if (!url) return url.error();
  // A block's name is the host alone; of a URL with a query that is the part in front of it.
  if (options.command == Command::ssh_config && url->target.find('?') != std::string::npos)
    return usage("a '?' has no place in ssh_config here; for several hosts write *, as in *.example.com");
  options.url = std::move(*url);
  options.target = std::move(text);
  options.has_url = true;
  return {};
}

std::string too_long_for_socket(const std::string& path) {
  return "a socket's path has " + std::to_string(auth::kMaxSocketPath) + " bytes at most, this one has " +
         std::to_string(path.size()) + ": " + printable(path) +
         " (have ssh-config write the block again, with a shorter CFPIPE_HOME or with --style match)";
}

/// Kinds of keys that are made.
struct MadeKey {
  auth::KeyType type;
  std::string_view word;
};
constexpr std::array<MadeKey, 2> kMadeKeys{
    {{auth::KeyType::ed25519, "ed25519"}, {auth::KeyType::ecdsa_p256, "ecdsa"}}};

Result<std::optional<auth::KeyType>> parse_key_type(const RawOptions& raw) {
  using Type = std::optional<auth::KeyType>;
  if (raw.key_type.empty()) return Type();
  if (!raw.key.empty()) return usage("--key-type is for a key that is made, not for one of yours");
  for (const auto& made : kMadeKeys)
    if (raw.key_type == made.word) return Type(made.type);
  return usage("--key-type takes ed25519 or ecdsa");
}

/// Which key, and whose name it is for.
Result<void> take_key(RawOptions& raw, Options& options) {
  const auto plain = [](const std::string& text) {
    return text.size() <= kMaxKeyNameBytes && std::none_of(text.begin(), text.end(), [](char c) {
             return static_cast<unsigned char>(c) < 0x20 || c == '\x7f';
           });
  };
  if (!plain(raw.key) || raw.key == auth::kAgentKeyPrefix)
    return usage("--key takes a file, or agent:COMMENT, or agent:SHA256:fingerprint");
  if (!plain(raw.user)) return usage("--user takes the name of an account");
  if (names_key_file(raw) && (!raw.agent.empty() || options.style == ConfigStyle::agent)) {
    return usage(
        "a key file goes with --style match, where ssh reads it itself; for an agent ssh-add it and name it "
        "as --key agent:COMMENT");
  }
  auto type = parse_key_type(raw);
  if (!type) return type.error();
  options.key_type = *type;
  options.key = std::move(raw.key);
  options.user = std::move(raw.user);
  options.forward_agent = raw.forward_agent;
  return {};
}

Result<void> take_plain_values(RawOptions& raw, Options& options) {
  static const std::set<std::string> kLevels{"",      "trace", "debug", "info",    "warn",
                                             "error", "fatal", "panic", "disabled"};
  raw.log_level = lower(raw.log_level);
  if (kLevels.count(raw.log_level) == 0) return usage("--log-level takes debug, info, warn, error or fatal");
  if (!raw.agent.empty() && raw.agent[0] != '/') return usage("--agent takes an absolute path");
  if (raw.agent.size() > auth::kMaxSocketPath) return usage("--agent: " + too_long_for_socket(raw.agent));
  options.short_lived_cert = raw.short_lived_cert || !raw.agent.empty();
  options.agent = std::move(raw.agent);
  options.json = raw.json;
  options.quiet = raw.quiet;
  options.bare_token = raw.no_verbose || !raw.app.empty();
  options.auto_close = raw.auto_close;
  options.ca_file = std::move(raw.ca_file);
  if (!raw.auth_domain.empty()) {
    const auto domain = Authority::parse(raw.auth_domain);
    if (!domain) return usage("--auth-domain takes host[:port]");
    options.auth_domain = domain->text_without(kHttpsPort);
  }
  options.no_browser = raw.no_browser;
  options.resume = !raw.no_resume;
  if (!raw.login_timeout.empty()) {
    const auto timeout = parse_deadline(raw.login_timeout, "--login-timeout");
    if (!timeout) return timeout.error();
    options.login_timeout = *timeout;
  }
  options.fedramp = raw.fedramp;
  options.log_file = std::move(raw.log_file);
  options.log_directory = std::move(raw.log_directory);
  options.log_level = std::move(raw.log_level);
  return {};
}

Result<Options> checked(RawOptions& raw, Command command, const Environment& environment) {
  Options options;
  options.command = command;
  if (auto available = refuse_unavailable(raw); !available) return available.error();
  if (auto taken = take_target(raw, options); !taken) return taken.error();
  if (auto taken = take_headers(raw, options); !taken) return taken.error();
  if (auto taken = take_service_token(raw, options); !taken) return taken.error();
  if (auto taken = take_listener(raw, options); !taken) return taken.error();
  const auto transport = parse_transport(raw);
  if (!transport) return transport.error();
  options.transport = *transport;
  if (!raw.ping_interval.empty()) {
    const auto interval = parse_ping_interval(raw.ping_interval);
    if (!interval) return interval.error();
    options.ping_interval = *interval;
  }
  auto style = parse_style(raw);
  if (!style) return style.error();
  options.style = *style;
  if (!raw.connect_to.empty()) {
    auto connect_to = parse_connect_to(raw.connect_to, options.url);
    if (!connect_to) return connect_to.error();
    options.connect_to = std::move(*connect_to);
  }
  if (auto taken = take_key(raw, options); !taken) return taken.error();
  if (auto taken = take_plain_values(raw, options); !taken) return taken.error();
  if (auto taken = take_network(raw, raw.spelled, environment, options); !taken) return taken.error();
  return options;
}

/// Whether the hostname was given at all, be it as nothing.
bool names_a_host(const std::vector<std::string>& arguments) {
  return std::any_of(arguments.begin(), arguments.end(), [](std::string_view argument) {
    return argument.starts_with("-T") || argument.starts_with("--hostname") ||
           argument.starts_with("--tunnel-host") || argument.starts_with("-hostname");
  });
}

}  // namespace

std::string_view key_type_word(auth::KeyType type) {
  for (const auto& made : kMadeKeys)
    if (made.type == type) return made.word;
  return "rsa";
}

std::variant<Options, AskedText, Failure> parse_command_line(const std::vector<std::string>& arguments,
                                                             const Environment& environment) {
  static const std::map<std::string, Command> kCommands{
      {"ssh", Command::ssh},       {"ssh-gen", Command::ssh_gen}, {"ssh-config", Command::ssh_config},
      {"login", Command::login},   {"token", Command::token},     {"curl", Command::curl},
      {"logout", Command::logout}, {"doctor", Command::doctor},   {"status", Command::status},
      {"list", Command::list}};
  RawOptions raw;
  const auto read = read_command_line(arguments, raw);
  if (const auto* asked = std::get_if<AskedText>(&read)) return *asked;
  if (const auto* failure = std::get_if<Failure>(&read)) return *failure;
  const auto& name = std::get<std::string>(read);
  const auto command = kCommands.find(name);
  if (command == kCommands.end()) return not_yet(name);
  from_environment(raw, command->second, environment);
  // As the public client answers it. An empty one was meant to be a name.
  raw.hostname_given = names_a_host(arguments);
  if (raw.hostname.empty() && !raw.hostname_given &&
      (command->second == Command::ssh || command->second == Command::ssh_gen)) {
    RawOptions none;
    return std::get<AskedText>(read_command_line({name, "--help"}, none));
  }
  auto options = checked(raw, command->second, environment);
  if (!options) return options.error();
  return std::move(*options);
}

}  // namespace cfpipe::cli
