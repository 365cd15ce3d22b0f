#pragma once

#include <yaml-cpp/yaml.h>

#include <string>
#include <utility>
#include <vector>

#include "edge/config/config.h"
#include "service/yaml_reader.h"

namespace cfpipe::edge {

/// Reads a configuration; its faults go to a list.
class YamlReader : public service::YamlReader {
 public:
  explicit YamlReader(std::vector<ConfigFault>& faults)
      : service::YamlReader([&faults](int line, std::string text) {
          faults.push_back({line, std::move(text)});
        }) {}
};

/// `policies` of an application.
std::vector<Policy> read_policies(YamlReader& reader, const YAML::Node& application);
/// `administrators`: the rules of a policy.
Policy read_administrators(YamlReader& reader, const YAML::Node& node);
/// `short_lived_certificates` of an application; its policies are read already.
CertificateConfig read_certificates(YamlReader& reader, const YAML::Node& node,
                                    const std::vector<Policy>& policies);
/// What is wrong with the groups that all policies name together.
void check_groups(YamlReader& reader, const YAML::Node& applications, const Config& config);
/// And with the claims that principals come from.
void check_claims(YamlReader& reader, const YAML::Node& applications, const Config& config);
/// `listen`, `listen_group` and `admin_listen`.
void read_listeners(YamlReader& reader, const YAML::Node& root, LoadedConfig& out);
/// `trusted_proxies` and `proxy_protocol`; `listen` is read already.
void read_proxies(YamlReader& reader, const YAML::Node& root, LoadedConfig& out);
/// `identity_provider`; `listen` is read already.
void read_provider(YamlReader& reader, const YAML::Node& node, LoadedConfig& out);
/// `identity_providers`.
void read_providers(YamlReader& reader, const YAML::Node& list, LoadedConfig& out);
/// `allowed_idps` of an application; the providers are read already.
void read_allowed_idps(YamlReader& reader, const YAML::Node& list, const Config& config,
                       ApplicationConfig& app);
/// What is wrong with the providers that all policies name.
void check_login_methods(YamlReader& reader, const YAML::Node& applications, LoadedConfig& loaded);

}  // namespace cfpipe::edge
