#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <set>

#include "auth/connector/protocol.h"
#include "base/text.h"
#include "edge/command/commands.h"
#include "edge/http/terminal_bundle.h"
#include "edge/policy/app_name.h"
#include "edge/process/dev_tls.h"

namespace cfpipe::edge {
namespace {

constexpr std::uint16_t kSshPort = 22;

Failure bad_option(const std::string& text) {
  return {Stage::input, Cause::bad_option, text};
}

std::string default_email() {
  const passwd* user = ::getpwuid(::getuid());
  return std::string(user != nullptr ? user->pw_name : "user") + "@localhost";
}

Result<ApplicationConfig> application(const std::string& name, const Authority& origin,
                                      const std::string& email, const std::string& connector) {
  ApplicationConfig app;
  const auto parsed = AppName::parse(name);
  if (!parsed) return bad_option("--hostname " + parsed.error().detail);
  app.hostname = parsed->text();
  app.origin_host = origin.host;
  app.origin_port = origin.port_or(kSshPort);
  if (!connector.empty()) app.connectors.push_back(connector);
  app.certificates.emplace();
  app.certificates->root_by_email = true;
  Policy policy;
  policy.name = "dev";
  policy.include.push_back({Rule::Kind::email_domain, email_domain(email)});
  app.policies.push_back(std::move(policy));
  return app;
}

}  // namespace

std::string dev_state_dir() {
  const char* base = std::getenv("XDG_STATE_HOME");
  if (base != nullptr && *base == '/') return std::string(base) + "/cfpipe-edge-dev";
  const char* home = std::getenv("HOME");
  return home != nullptr && *home == '/' ? std::string(home) + "/.local/state/cfpipe-edge-dev"
                                         : std::string();
}

Result<Config> dev_config(const DevOptions& options) {
  Config config;
  config.listen = parse_listener(options.listen, std::nullopt);
  if (!config.listen) return bad_option("--listen must be ADDRESS:PORT, such as 127.0.0.1:8443");
  if (!config.listen->address().is_loopback())
    return bad_option("--listen must be a loopback address: dev signs users in without a password");
  const auto origin = Authority::parse(options.origin);
  if (!origin) return bad_option("--origin must be HOST:PORT, such as 127.0.0.1:22");
  if (!options.connector.empty() && !auth::is_connector_name(options.connector))
    return bad_option("--connector must be a name: letters, digits, '-', '_' and '.'");
  config.auth_host = lower(options.auth_domain);
  if (!valid_hostname(config.auth_host))
    return bad_option("--auth-domain must be a host name without a port");
  config.identity_provider = IdentityProvider::dev;
  config.dev_email = options.email.empty() ? default_email() : options.email;
  if (!valid_email(config.dev_email)) return bad_option("--email must be an email address");
  config.administrators.emplace();
  config.administrators->include.push_back({Rule::Kind::email, lower(config.dev_email)});
  for (const std::string& group : options.groups)
    if (!valid_group(group)) return bad_option("--group must be a name of at most 128 characters");
  config.dev_groups = options.groups;
  // All of it comes from one person, at one address.
  config.tunnel_limits = {0, 0, 0, 0, 0};
  config.address_limits = {0, 0};
  config.certificates_per_user = 0;
  config.state_dir = options.state.empty() ? dev_state_dir() : options.state;
  if (config.state_dir.empty()) return bad_option("HOME is not set; say where with --state DIR");
  if (options.terminal && !has_terminal())
    return bad_option("this program was built without the terminal in the browser: build it where npm is");
  std::set<std::string> names;
  for (const std::string& name : options.hostnames) {
    auto app = application(name, *origin, config.dev_email, options.connector);
    if (!app) return app.error();
    app->browser_terminal = options.terminal;
    if (app->hostname.substr(0, app->hostname.find('/')) == config.auth_host ||
        !names.insert(app->hostname).second)
      return bad_option("--hostname and --auth-domain must all differ");
    config.applications.push_back(std::move(*app));
  }
  return config;
}

int run_dev(const DevOptions& options) {
  auto config = dev_config(options);
  if (!config) return complain(config.error());
  if (const auto became = become_owner(config->state_dir, Keep::low_ports); !became)
    return complain(became.error());
  std::vector<std::string> names{config->auth_host};
  for (const ApplicationConfig& app : config->applications) {
    const std::string host = AppName::parse(app.hostname)->host();
    if (std::find(names.begin(), names.end(), host) == names.end()) names.push_back(host);
  }
  const auto tls = prepare_dev_tls(config->state_dir, names, std::time(nullptr));
  if (!tls) return complain(tls.error());
  config->certificate_file = tls->certificate_file;
  config->key_file = tls->key_file;
  return serve(*config, {});
}

}  // namespace cfpipe::edge
