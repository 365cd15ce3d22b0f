// The YAML form of the configuration. Every fault is collected with its line; nothing unknown is passed over.
#include <yaml-cpp/yaml.h>

#include <boost/asio/ip/address.hpp>
#include <initializer_list>
#include <set>

#include "edge/config.h"
#include "edge/text.h"

namespace cfpipe::edge {
namespace {

class Reader {
 public:
  LoadedConfig read(std::string_view yaml);

 private:
  void fault(const YAML::Node& node, std::string text) {
    out_.faults.push_back({node.Mark().is_null() ? 0 : node.Mark().line + 1, std::move(text)});
  }
  /// Checks that the node is a mapping of known keys, each once.
  bool mapping(const YAML::Node& node, const std::string& what, std::initializer_list<std::string_view> keys);
  /// A scalar; absent or of another kind is a fault when required.
  std::string text(const YAML::Node& parent, const char* key, const std::string& what, bool required = true);
  std::chrono::seconds duration(const YAML::Node& parent, const char* key, std::chrono::seconds preset,
                                std::chrono::seconds least, std::chrono::seconds most);
  void top(const YAML::Node& root);
  void provider(const YAML::Node& node);
  ApplicationConfig application(const YAML::Node& node);
  void service(const YAML::Node& node, ApplicationConfig& app);
  CertificateConfig certificates(const YAML::Node& node);
  Policy policy(const YAML::Node& node);
  std::vector<Rule> rules(const YAML::Node& node, const std::string& what);
  void across(const YAML::Node& root);

  LoadedConfig out_;
};

bool Reader::mapping(const YAML::Node& node, const std::string& what,
                     std::initializer_list<std::string_view> keys) {
  if (!node.IsMap()) {
    fault(node, what + " must be a mapping");
    return false;
  }
  std::set<std::string> seen;
  for (const auto& entry : node) {
    const std::string key = entry.first.IsScalar() ? entry.first.Scalar() : "";
    bool known = false;
    for (const std::string_view candidate : keys) known = known || candidate == key;
    if (!known) fault(entry.first, "unknown key '" + transport::printable(key, 60) + "' in " + what);
    if (!seen.insert(key).second)
      fault(entry.first, "'" + transport::printable(key, 60) + "' is given twice");
  }
  return true;
}

std::string Reader::text(const YAML::Node& parent, const char* key, const std::string& what, bool required) {
  const YAML::Node node = parent[key];
  if (!node) {
    if (required) fault(parent, what + " needs '" + key + "'");
    return {};
  }
  if (!node.IsScalar() || node.Scalar().empty()) {
    fault(node, std::string("'") + key + "' must be one value");
    return {};
  }
  return node.Scalar();
}

std::chrono::seconds Reader::duration(const YAML::Node& parent, const char* key, std::chrono::seconds preset,
                                      std::chrono::seconds least, std::chrono::seconds most) {
  const YAML::Node node = parent[key];
  if (!node) return preset;
  const auto value = node.IsScalar() ? parse_duration(node.Scalar()) : std::nullopt;
  if (!value) {
    fault(node, std::string("'") + key + "' must be a duration such as 24h, 4m or 90s");
    return preset;
  }
  if (*value < least || *value > most) {
    fault(node, std::string("'") + key + "' must be between " + std::to_string(least.count()) + "s and " +
                    std::to_string(most.count()) + "s");
  }
  return *value;
}

void Reader::provider(const YAML::Node& node) {
  if (!mapping(node, "identity_provider", {"type", "issuer", "client_id", "client_secret_file", "email"}))
    return;
  const std::string type = text(node, "type", "identity_provider");
  if (type == "dev") {
    out_.config.identity_provider = IdentityProvider::dev;
    out_.config.dev_email = text(node, "email", "identity_provider", false);
    if (!out_.config.dev_email.empty() && !valid_email(out_.config.dev_email))
      fault(node["email"], "'email' is not an email address");
    for (const char* key : {"issuer", "client_id", "client_secret_file"})
      if (node[key]) fault(node[key], std::string("'") + key + "' belongs to type oidc, not dev");
    if (!out_.config.listen_address.empty() && !is_loopback(out_.config.listen_address))
      fault(node["type"],
            "identity_provider type dev asks for no password: 'listen' must be a loopback address");
  } else if (type == "oidc") {
    out_.config.identity_provider = IdentityProvider::oidc;
    out_.config.oidc_issuer = text(node, "issuer", "identity_provider");
    out_.config.oidc_client_id = text(node, "client_id", "identity_provider");
    out_.config.oidc_client_secret_file = text(node, "client_secret_file", "identity_provider");
    if (!out_.config.oidc_issuer.empty() && !out_.config.oidc_issuer.starts_with("https://"))
      fault(node["issuer"], "'issuer' must be an https URL");
    if (node["email"]) fault(node["email"], "'email' belongs to type dev, not oidc");
  } else if (!type.empty()) {
    fault(node["type"], "identity_provider type must be oidc or dev");
  }
}

std::vector<Rule> Reader::rules(const YAML::Node& node, const std::string& what) {
  std::vector<Rule> out;
  if (!node) return out;
  if (!node.IsSequence()) {
    fault(node, what + " must be a list");
    return out;
  }
  for (const YAML::Node& item : node) {
    if (!item.IsMap() || item.size() != 1) {
      fault(item, "a rule in " + what + " must be one 'kind: value'");
      continue;
    }
    const YAML::Node kind_node = item.begin()->first;
    const YAML::Node value_node = item.begin()->second;
    const std::string kind = kind_node.IsScalar() ? kind_node.Scalar() : "";
    if (kind != "email" && kind != "email_domain") {
      fault(item, "rules of kind '" + transport::printable(kind, 40) + "' are not available yet");
      continue;
    }
    const std::string value = value_node.IsScalar() ? lower(value_node.Scalar()) : "";
    const bool good = kind == "email" ? valid_email(value) : valid_email("a@" + value);
    if (!good) fault(item, "'" + kind + "' has a value that is none");
    out.push_back({kind == "email" ? Rule::Kind::email : Rule::Kind::email_domain, value});
  }
  return out;
}

Policy Reader::policy(const YAML::Node& node) {
  Policy out;
  if (!mapping(node, "a policy", {"name", "decision", "include", "require", "exclude"})) return out;
  out.name = text(node, "name", "a policy");
  const std::string decision = text(node, "decision", "a policy");
  if (decision == "deny") {
    out.decision = Decision::deny;
  } else if (decision == "service_auth" || decision == "bypass") {
    fault(node["decision"], "policies with decision '" + decision + "' are not available yet");
    return out;
  } else if (!decision.empty() && decision != "allow") {
    fault(node["decision"], "'decision' must be allow or deny");
  }
  out.include = rules(node["include"], "include");
  out.require = rules(node["require"], "require");
  out.exclude = rules(node["exclude"], "exclude");
  if (!node["include"] || (node["include"].IsSequence() && node["include"].size() == 0))
    fault(node, "a policy without 'include' matches nobody");
  return out;
}

CertificateConfig Reader::certificates(const YAML::Node& node) {
  CertificateConfig out;
  if (!mapping(node, "short_lived_certificates", {"ttl", "principals"})) return out;
  out.ttl = duration(node, "ttl", kDefaultCertificateTtl, kMinCertificateTtl, kMaxCertificateTtl);
  const YAML::Node list = node["principals"];
  if (!list) return out;
  out.email_prefix = false;
  if (!list.IsSequence() || list.size() == 0) {
    fault(list, "'principals' must be a list");
    return out;
  }
  for (const YAML::Node& item : list) {
    if (!item.IsScalar()) {
      fault(item, "principals taken from a claim are not available yet");
    } else if (item.Scalar() == "email_prefix") {
      out.email_prefix = true;
    } else if (!valid_email(item.Scalar() + "@x")) {
      fault(item, "a principal must be a user name");
    } else {
      out.literals.push_back(item.Scalar());
    }
  }
  return out;
}

void Reader::service(const YAML::Node& node, ApplicationConfig& app) {
  const std::string service = text(node, "service", "an application");
  if (service.empty()) return;
  const std::size_t scheme = service.find("://");
  const std::string kind = service.substr(0, scheme == std::string::npos ? 0 : scheme);
  if (kind != "ssh" && kind != "tcp") {
    fault(node["service"], "'service' must be ssh://HOST[:PORT] or tcp://HOST:PORT");
    return;
  }
  const std::optional<std::uint16_t> preset = kind == "ssh" ? std::optional<std::uint16_t>(22) : std::nullopt;
  const auto origin = parse_host_port(std::string_view(service).substr(scheme + 3), preset);
  boost::system::error_code not_an_address;
  if (origin) boost::asio::ip::make_address(origin->host, not_an_address);
  if (!origin || origin->port == 0 || (not_an_address && !valid_hostname(lower(origin->host)))) {
    fault(node["service"], "'service' must name a host and a port, such as ssh://10.0.0.5:22");
    return;
  }
  app.origin_host = origin->host;
  app.origin_port = origin->port;
}

ApplicationConfig Reader::application(const YAML::Node& node) {
  ApplicationConfig out;
  if (!mapping(node, "an application",
               {"hostname", "service", "session_duration", "browser_rendering", "short_lived_certificates",
                "policies"})) {
    return out;
  }
  out.hostname = lower(text(node, "hostname", "an application"));
  if (out.hostname.find('*') != std::string::npos) {
    fault(node["hostname"], "wildcard host names are not available yet");
  } else if (!out.hostname.empty() && !valid_hostname(out.hostname)) {
    fault(node["hostname"], "'hostname' is not a host name");
  }
  service(node, out);
  out.session_duration =
      duration(node, "session_duration", out_.config.session_duration, kMinSession, kMaxSession);
  if (node["browser_rendering"])
    fault(node["browser_rendering"],
          "'browser_rendering' (the terminal in the browser) is not available yet");
  if (node["short_lived_certificates"]) out.certificates = certificates(node["short_lived_certificates"]);
  const YAML::Node policies = node["policies"];
  if (!policies || !policies.IsSequence() || policies.size() == 0) {
    fault(policies ? policies : node,
          "an application needs a list of 'policies': without one nobody gets in");
    return out;
  }
  for (const YAML::Node& item : policies) out.policies.push_back(policy(item));
  return out;
}

/// What only shows when the parts are put together.
void Reader::across(const YAML::Node& root) {
  std::set<std::string> hosts;
  const YAML::Node list = root["applications"];
  for (std::size_t i = 0; i < out_.config.applications.size(); ++i) {
    const std::string& host = out_.config.applications[i].hostname;
    if (host.empty()) continue;
    if (!hosts.insert(host).second) fault(list[i], "'" + host + "' is configured twice");
    if (host == out_.config.auth_host) fault(list[i], "an application cannot have the auth_domain's name");
  }
}

void Reader::top(const YAML::Node& root) {
  Config& config = out_.config;
  if (!mapping(root, "the configuration",
               {"listen", "tls", "auth_domain", "state", "session_duration", "identity_provider",
                "applications"})) {
    return;
  }
  if (const std::string listen = text(root, "listen", "the configuration"); !listen.empty()) {
    const auto parsed = parse_host_port(listen, kHttpsPort);
    boost::system::error_code error;
    if (parsed) boost::asio::ip::make_address(parsed->host, error);
    if (!parsed || error) fault(root["listen"], "'listen' must be ADDRESS:PORT, such as 0.0.0.0:443");
    if (parsed && !error) {
      config.listen_address = parsed->host;
      config.listen_port = parsed->port;
    }
  }
  if (!root["tls"]) {
    fault(root, "the configuration needs 'tls'");
  } else if (mapping(root["tls"], "tls", {"certificate", "key"})) {
    config.certificate_file = text(root["tls"], "certificate", "tls");
    config.key_file = text(root["tls"], "key", "tls");
  }
  if (const std::string domain = text(root, "auth_domain", "the configuration"); !domain.empty()) {
    const auto parsed = parse_host_port(lower(domain), kHttpsPort);
    if (!parsed || parsed->port == 0 || !valid_hostname(parsed->host)) {
      fault(root["auth_domain"], "'auth_domain' must be a host name, with :PORT unless it is 443");
    } else {
      config.auth_host = parsed->host;
      config.public_port = parsed->port;
    }
  }
  config.state_dir = text(root, "state", "the configuration");
  if (!config.state_dir.empty() && config.state_dir.front() != '/')
    fault(root["state"], "'state' must be an absolute path");
  config.session_duration = duration(root, "session_duration", kDefaultSession, kMinSession, kMaxSession);
  if (root["identity_provider"]) {
    provider(root["identity_provider"]);
  } else {
    fault(root, "the configuration needs 'identity_provider'");
  }
  const YAML::Node list = root["applications"];
  if (!list || !list.IsSequence() || list.size() == 0) {
    fault(list ? list : root, "the configuration needs a list of 'applications'");
    return;
  }
  for (const YAML::Node& item : list) config.applications.push_back(application(item));
  across(root);
}

LoadedConfig Reader::read(std::string_view yaml) {
  try {
    top(YAML::Load(std::string(yaml)));
  } catch (const YAML::Exception& error) {
    out_.faults.push_back({error.mark.is_null() ? 0 : error.mark.line + 1, transport::printable(error.msg)});
  }
  return std::move(out_);
}

}  // namespace

LoadedConfig parse_config(std::string_view yaml) {
  return Reader().read(yaml);
}

}  // namespace cfpipe::edge
