#pragma once

#include <yaml-cpp/yaml.h>

#include <chrono>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "edge/config/config.h"

namespace cfpipe::edge {

/// Reads pieces of a YAML document; whatever is wrong with one becomes a fault with its line, and reading
/// goes on.
class YamlReader {
 public:
  explicit YamlReader(std::vector<ConfigFault>& faults) : faults_(faults) {}

  void fault(const YAML::Node& node, std::string text);
  static int line_of(const YAML::Node& node);  ///< from 1; 0: unknown
  /// Checks that the node is a mapping of known keys, each once.
  bool mapping(const YAML::Node& node, const std::string& what, std::initializer_list<std::string_view> keys);
  /// A scalar; absent or of another kind is a fault when required.
  std::string text(const YAML::Node& parent, const char* key, const std::string& what, bool required = true);
  /// `true` or `false`; absent is the preset.
  bool flag(const YAML::Node& parent, const char* key, bool preset);
  std::chrono::seconds duration(const YAML::Node& parent, const char* key, std::chrono::seconds preset,
                                std::chrono::seconds least, std::chrono::seconds most);
  std::size_t number(const YAML::Node& parent, const char* key, std::size_t preset, std::size_t least,
                     std::size_t most);
  /// A size such as 128MiB, in bytes; absent, or a fault, is nothing.
  std::optional<std::size_t> bytes(const YAML::Node& parent, const char* key, std::size_t least,
                                   std::size_t most);
  /// A number from 1 to `most`, or `none`, which is 0.
  std::size_t limit(const YAML::Node& parent, const char* key, std::size_t preset, std::size_t most);

 private:
  std::vector<ConfigFault>& faults_;
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
