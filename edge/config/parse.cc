// The YAML form of the configuration. Every fault is collected with its line; nothing unknown is passed over.
#include <algorithm>
#include <set>

#include "auth/connector/protocol.h"
#include "auth/ssh/key.h"
#include "base/text.h"
#include "edge/config/config.h"
#include "edge/config/yaml_reader.h"
#include "edge/http/terminal_bundle.h"
#include "edge/limits/fd_limits.h"
#include "edge/policy/app_name.h"
#include "edge/policy/origin_name.h"

namespace cfpipe::edge {
namespace {

class Reader : private YamlReader {
 public:
  explicit Reader(LoadedConfig& out) : YamlReader(out.faults), out_(out) {}
  void read(std::string_view yaml);

 private:
  void top(const YAML::Node& root);
  ApplicationConfig application(const YAML::Node& node);
  void service(const YAML::Node& node, ApplicationConfig& app);
  void connectors(const YAML::Node& node, ApplicationConfig& app);
  void destinations(const YAML::Node& node, ApplicationConfig& app);
  void session_limit(const YAML::Node& node, ApplicationConfig& app);
  void idle_limit(const YAML::Node& node, ApplicationConfig& app);
  void browser_rendering(const YAML::Node& node, ApplicationConfig& app);
  void host_keys(const YAML::Node& node, ApplicationConfig& app);
  void transfer_hosts(const YAML::Node& list);
  void limits(const YAML::Node& node);
  void across(const YAML::Node& root);

  LoadedConfig& out_;
};

void Reader::service(const YAML::Node& node, ApplicationConfig& app) {
  const std::string service = text(node, "service", "an application");
  if (service.empty()) return;
  app.ssh = service.starts_with("ssh://");
  if (service.starts_with(kUnixScheme)) {
    app.origin_path = parse_socket_path(service).value_or("");
    if (app.origin_path.empty())
      return fault(node["service"], "'service' must be unix: and an absolute path of at most " +
                                        std::to_string(kMaxSocketPathBytes) +
                                        " printable bytes, such as unix:/run/app.sock");
    if (app.origin_path.find('*') != std::string::npos)
      fault(node["service"], "'service' may have a * in a host name, not in the path of a socket");
    return;
  }
  const std::size_t scheme = service.find("://");
  const std::string kind = service.substr(0, scheme == std::string::npos ? 0 : scheme);
  if (kind != "ssh" && kind != "tcp") {
    fault(node["service"], "'service' must be ssh://HOST[:PORT], tcp://HOST:PORT or unix:/PATH");
    return;
  }
  const std::optional<std::uint16_t> preset = kind == "ssh" ? std::optional<std::uint16_t>(22) : std::nullopt;
  auto origin = Authority::parse(std::string_view(service).substr(scheme + 3), Wildcards::allowed);
  if (origin && !origin->port) origin->port = preset;
  if (!origin || !origin->port) {
    fault(node["service"], "'service' must name a host and a port, such as ssh://10.0.0.5:22");
    return;
  }
  if (const auto name = AppName::parse(app.hostname); name)
    if (const std::string wrong = origin_pattern_fault(*name, origin->host); !wrong.empty())
      return fault(node["service"], wrong);
  app.origin_host = std::move(origin->host);
  app.origin_port = *origin->port;
}

void Reader::connectors(const YAML::Node& node, ApplicationConfig& app) {
  if (!app.origin_path.empty())
    return fault(node, "'connector' reaches TCP ports, and 'service' is a socket of this machine");
  std::vector<YAML::Node> names;
  if (node.IsSequence()) {
    for (const YAML::Node& item : node) names.push_back(item);
  } else {
    names.push_back(node);
  }
  if (names.empty() || names.size() > kMaxConnectorsOfApplication)
    return fault(node, "'connector' must be a name, or a list of at most " +
                           std::to_string(kMaxConnectorsOfApplication));
  for (const YAML::Node& item : names) {
    const std::string name = item.IsScalar() ? item.Scalar() : std::string();
    if (auth::is_connector_name(name)) {
      app.connectors.push_back(name);
    } else {
      fault(item,
            "'connector' takes names of `cfpipe-edge connector create`: letters, digits, '-', '_' and '.'");
    }
  }
}

void Reader::destinations(const YAML::Node& node, ApplicationConfig& app) {
  if (!node.IsSequence() || node.size() > kMaxDestinations) {
    return fault(node, "'destinations' must be a list of at most " + std::to_string(kMaxDestinations));
  }
  for (const YAML::Node& item : node) {
    auto one = parse_destination(item.IsScalar() ? item.Scalar() : "");
    if (one) {
      app.destinations.push_back(std::move(*one));
    } else {
      fault(item,
            "a destination must be ADDRESS:PORT, ADDRESSES/BITS:PORT or HOST:PORT, such as 10.0.0.0/8:22");
    }
  }
}

ApplicationConfig Reader::application(const YAML::Node& node) {
  ApplicationConfig out;
  if (!mapping(node, "an application",
               {"hostname", "service", "connector", "proxy_protocol", "destinations", "session_duration",
                "session_limit", "idle_limit", "allowed_idps", "browser_rendering", "browser_files",
                "host_keys", "short_lived_certificates", "policies"})) {
    return out;
  }
  out.hostname = text(node, "hostname", "an application");
  if (!out.hostname.empty()) {
    const auto name = AppName::parse(out.hostname);
    if (!name) fault(node["hostname"], "'hostname': " + name.error().detail);
    out.hostname = name ? name->text() : std::string();
  }
  service(node, out);
  if (node["connector"]) connectors(node["connector"], out);
  if (const std::string version = text(node, "proxy_protocol", "an application", false); version == "v2") {
    out.proxy_protocol = true;
  } else if (!version.empty()) {
    fault(node["proxy_protocol"], "'proxy_protocol' must be v2");
  }
  if (node["destinations"]) destinations(node["destinations"], out);
  out.session_duration =
      duration(node, "session_duration", out_.config.session_duration, kMinSession, kMaxSession);
  browser_rendering(node, out);
  out.policies = read_policies(*this, node);
  if (node["short_lived_certificates"])
    out.certificates = read_certificates(*this, node["short_lived_certificates"], out.policies);
  out.ssh = out.ssh || out.certificates || out.browser_terminal;
  if (node["allowed_idps"]) read_allowed_idps(*this, node["allowed_idps"], out_.config, out);
  session_limit(node, out);
  idle_limit(node, out);
  return out;
}

void Reader::browser_rendering(const YAML::Node& node, ApplicationConfig& app) {
  if (const std::string kind = text(node, "browser_rendering", "an application", false); kind == "ssh") {
    if (!has_terminal())
      return fault(node["browser_rendering"],
                   "this program was built without the terminal in the browser: build it where npm is");
    app.browser_terminal = true;
  } else if (!kind.empty()) {
    fault(node["browser_rendering"], "'browser_rendering' must be ssh");
  }
  if (node["browser_files"] && !app.browser_terminal)
    fault(node["browser_files"], "'browser_files' is for 'browser_rendering: ssh'");
  app.browser_files = flag(node, "browser_files", true);
  if (node["host_keys"]) host_keys(node["host_keys"], app);
}

void Reader::host_keys(const YAML::Node& node, ApplicationConfig& app) {
  if (!app.browser_terminal)
    return fault(node,
                 "'host_keys' are for 'browser_rendering: ssh': clients look at the server's key themselves");
  if (!node.IsSequence() || node.size() == 0 || node.size() > kMaxHostKeys)
    return fault(node,
                 "'host_keys' must be a list of at most " + std::to_string(kMaxHostKeys) + " public keys");
  for (const YAML::Node& item : node) {
    const auto key = auth::parse_public_key_line(item.IsScalar() ? item.Scalar() : "");
    if (key) {
      app.host_keys.push_back(auth::public_key_line(key->blob));
    } else {
      fault(item, "a host key must be a line as in the server's /etc/ssh/ssh_host_*_key.pub");
    }
  }
}

/// `certificate`: a tunnel ends when the certificate it was opened with expires.
void Reader::session_limit(const YAML::Node& node, ApplicationConfig& app) {
  const YAML::Node limit = node["session_limit"];
  if (!limit || (limit.IsScalar() && limit.Scalar() == "none")) return;
  if (!limit.IsScalar() || limit.Scalar() != "certificate") {
    if (!limit.IsScalar() || !parse_duration(limit.Scalar()))
      return fault(limit, "'session_limit' must be certificate, none, or a duration such as 8h");
    app.session_limit = duration(node, "session_limit", {}, kMinSessionLimit, kMaxSession);
  } else if (app.certificates) {
    app.session_limit = app.certificates->ttl;
  } else {
    fault(limit, "'session_limit: certificate' needs 'short_lived_certificates'");
  }
}

void Reader::idle_limit(const YAML::Node& node, ApplicationConfig& app) {
  const YAML::Node limit = node["idle_limit"];
  if (!limit || (limit.IsScalar() && limit.Scalar() == "none")) return;
  if (!limit.IsScalar() || !parse_duration(limit.Scalar()))
    return fault(limit, "'idle_limit' must be none, or a duration such as 2h");
  app.idle_limit = duration(node, "idle_limit", {}, kMinIdleLimit, kMaxSession);
}

/// What only shows when the parts are put together.
void Reader::across(const YAML::Node& root) {
  std::set<std::string> names;
  std::size_t patterns = 0;
  const YAML::Node list = root["applications"];
  for (std::size_t i = 0; i < out_.config.applications.size(); ++i) {
    const std::string& text = out_.config.applications[i].hostname;
    if (text.empty()) continue;
    const auto name = AppName::parse(text);
    if (!names.insert(text).second) fault(list[i], "'" + text + "' is configured twice");
    if (name->host() == out_.config.auth_host)
      fault(list[i], "an application cannot have the auth_domain's name");
    const auto& stores = out_.config.transfer_hosts;
    if (std::find(stores.begin(), stores.end(), name->host()) != stores.end())
      fault(list[i], "an application cannot have the name of one of 'transfer_hosts'");
    if (name->is_pattern() && ++patterns == kMaxHostPatterns + 1)
      fault(list[i], "no more than " + std::to_string(kMaxHostPatterns) +
                         " applications may have a * in the host name");
  }
  for (ApplicationConfig& app : out_.config.applications)
    if (app.certificates)
      app.certificates->root_by_email = out_.config.identity_provider == IdentityProvider::dev;
  check_groups(*this, list, out_.config);
  check_claims(*this, list, out_.config);
  check_login_methods(*this, list, out_);
}

void Reader::transfer_hosts(const YAML::Node& list) {
  const std::size_t count = list.IsSequence() ? list.size() : 0;
  if (count == 0 || count > kMaxTransferHosts)
    return fault(list, "'transfer_hosts' must be a list of host names, 16 at most");
  std::vector<std::string>& hosts = out_.config.transfer_hosts;
  for (const YAML::Node& item : list) {
    const std::string host = item.IsScalar() ? lower(item.Scalar()) : std::string();
    if (!valid_hostname(host)) {
      fault(item, "'transfer_hosts' takes host names, without a port");
    } else if (host == out_.config.auth_host || std::find(hosts.begin(), hosts.end(), host) != hosts.end()) {
      fault(item, "'" + host + "' has the transfer store already");
    } else {
      hosts.push_back(host);
    }
  }
}

void Reader::limits(const YAML::Node& node) {
  if (!mapping(
          node, "limits",
          {"tunnels_per_user", "tunnels_per_address", "tunnel_opens_per_user", "tunnel_opens_per_address",
           "connections_per_address", "logins_per_address", "certificates_per_user", "memory"}))
    return;
  Config& config = out_.config;
  TunnelLimits& tunnels = config.tunnel_limits;
  tunnels.per_user = limit(node, "tunnels_per_user", tunnels.per_user, kMaxConnections);
  tunnels.per_address = limit(node, "tunnels_per_address", tunnels.per_address, kMaxConnections);
  tunnels.opens_per_user = limit(node, "tunnel_opens_per_user", tunnels.opens_per_user, kMaxPerMinute);
  tunnels.opens_per_address =
      limit(node, "tunnel_opens_per_address", tunnels.opens_per_address, kMaxPerMinute);
  if (node["connections_per_address"])
    config.address_limits.connections = limit(node, "connections_per_address", 0, kMaxConnections);
  config.address_limits.logins =
      limit(node, "logins_per_address", config.address_limits.logins, kMaxPerMinute);
  config.certificates_per_user =
      limit(node, "certificates_per_user", config.certificates_per_user, kMaxPerMinute);
  config.memory = bytes(node, "memory", kMinMemory, kMaxMemory);
}

void Reader::top(const YAML::Node& root) {
  Config& config = out_.config;
  if (!mapping(root, "the configuration",
               {"listen",
                "listen_group",
                "trusted_proxies",
                "proxy_protocol",
                "tls",
                "auth_domain",
                "state",
                "threads",
                "limits",
                "session_duration",
                "identity_provider",
                "identity_providers",
                "administrators",
                "applications",
                "audit",
                "admin_listen",
                "open_tunnels",
                "drain",
                "resume",
                "transfer_hosts"})) {
    return;
  }
  read_listeners(*this, root, out_);
  read_proxies(*this, root, out_);
  if (config.plain_http) {
    if (root["tls"]) out_.warnings.emplace_back("'tls' is not used: 'listen' is plain HTTP");
  } else if (!root["tls"]) {
    fault(root, "the configuration needs 'tls'");
  } else if (mapping(root["tls"], "tls", {"certificate", "key"})) {
    config.certificate_file = text(root["tls"], "certificate", "tls");
    config.key_file = text(root["tls"], "key", "tls");
    const auto file = [&](ConfigFile::Kind kind, const char* key, const std::string& path) {
      if (!path.empty()) out_.files.push_back({kind, line_of(root["tls"][key]), path});
    };
    file(ConfigFile::Kind::certificate, "certificate", config.certificate_file);
    file(ConfigFile::Kind::private_key, "key", config.key_file);
  }
  if (const std::string domain = text(root, "auth_domain", "the configuration"); !domain.empty()) {
    const auto parsed = Authority::parse(domain);
    if (!parsed || !valid_hostname(parsed->host.text())) {
      fault(root["auth_domain"], "'auth_domain' must be a host name, with :PORT unless it is 443");
    } else {
      config.auth_host = parsed->host.text();
      config.public_port = parsed->port_or(kHttpsPort);
    }
  }
  if (root["transfer_hosts"]) transfer_hosts(root["transfer_hosts"]);
  config.state_dir = text(root, "state", "the configuration");
  if (!config.state_dir.empty() && config.state_dir.front() != '/')
    fault(root["state"], "'state' must be an absolute path");
  config.session_duration = duration(root, "session_duration", kDefaultSession, kMinSession, kMaxSession);
  config.threads = static_cast<unsigned>(number(root, "threads", 0, 1, kMaxThreads));
  config.drain = duration(root, "drain", kDefaultDrain, kMinDrain, kMaxDrain);
  const bool never_resumed = root["resume"] && root["resume"].IsScalar() && root["resume"].Scalar() == "off";
  config.resume = never_resumed ? std::chrono::seconds(0)
                                : duration(root, "resume", kDefaultResume, kMinResume, kMaxResume);
  if (root["limits"]) limits(root["limits"]);
  const std::string open_tunnels = text(root, "open_tunnels", "the configuration", false);
  config.tunnels_stay = open_tunnels == "stay";
  if (!open_tunnels.empty() && open_tunnels != "stay" && open_tunnels != "follow_policies")
    fault(root["open_tunnels"], "'open_tunnels' must be 'follow_policies' or 'stay'");
  if (root["audit"] && mapping(root["audit"], "audit", {"file", "on_failure"})) {
    config.audit_file = text(root["audit"], "file", "audit", false);
    if (!config.audit_file.empty() && config.audit_file != "-" && config.audit_file.front() != '/')
      fault(root["audit"]["file"], "'file' must be an absolute path, or - for standard output");
    const std::string on_failure = text(root["audit"], "on_failure", "audit", false);
    config.audit_continues = on_failure == "continue";
    if (!on_failure.empty() && on_failure != "refuse" && on_failure != "continue")
      fault(root["audit"]["on_failure"], "'on_failure' must be 'refuse' or 'continue'");
  }
  if (root["identity_provider"] && root["identity_providers"]) {
    fault(root["identity_providers"], "there is an 'identity_provider' already: put it into the list");
  } else if (root["identity_provider"]) {
    read_provider(*this, root["identity_provider"], out_);
  } else if (root["identity_providers"]) {
    read_providers(*this, root["identity_providers"], out_);
  } else {
    fault(root, "the configuration needs 'identity_provider'");
  }
  if (root["administrators"]) config.administrators = read_administrators(*this, root["administrators"]);
  const YAML::Node list = root["applications"];
  if (!list || !list.IsSequence() || list.size() == 0) {
    fault(list ? list : root, "the configuration needs a list of 'applications'");
    return;
  }
  for (const YAML::Node& item : list) config.applications.push_back(application(item));
  across(root);
}

void Reader::read(std::string_view yaml) {
  try {
    top(YAML::Load(std::string(yaml)));
  } catch (const YAML::Exception& error) {
    out_.faults.push_back({error.mark.is_null() ? 0 : error.mark.line + 1, printable(error.msg)});
  }
}

}  // namespace

LoadedConfig parse_config(std::string_view yaml) {
  LoadedConfig out;
  Reader(out).read(yaml);
  return out;
}

}  // namespace cfpipe::edge
