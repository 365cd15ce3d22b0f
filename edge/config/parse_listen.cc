// Where the edge listens, in the YAML form of the configuration.
#include "edge/config/yaml_reader.h"

namespace cfpipe::edge {
namespace {

constexpr std::string_view kPlainScheme = "http://";

std::optional<Listener> read_address(YamlReader& reader, const YAML::Node& root, const char* key,
                                     bool required, std::optional<std::uint16_t> usual) {
  const std::string said = reader.text(root, key, "the configuration", required);
  if (said.empty()) return std::nullopt;
  auto out = parse_listener(said, usual);
  if (!out)
    reader.fault(root[key], std::string("'") + key + "' must be ADDRESS:PORT, such as " +
                                (usual ? "0.0.0.0:443" : "127.0.0.1:9443"));
  return out;
}

std::optional<Listener> read_path(YamlReader& reader, const YAML::Node& root) {
  const auto path = parse_socket_path(root["listen"].Scalar());
  if (!path)
    reader.fault(root["listen"],
                 "'listen' at a Unix-domain socket must be unix: and an absolute path of at most " +
                     std::to_string(kMaxSocketPathBytes) +
                     " printable bytes, such as unix:/run/cfpipe-edge/http.sock");
  const std::string group = reader.text(root, "listen_group", "the configuration", false);
  if (!path) return std::nullopt;
  return Listener::at_path(*path, group);
}

}  // namespace

void read_listeners(YamlReader& reader, const YAML::Node& root, LoadedConfig& loaded) {
  Config& config = loaded.config;
  const YAML::Node node = root["listen"];
  const std::string_view said = node && node.IsScalar() ? std::string_view(node.Scalar()) : "";
  const bool by_path = said.starts_with(kUnixScheme);
  config.plain_http = by_path || said.starts_with(kPlainScheme);
  if (by_path) {
    config.listen = read_path(reader, root);
  } else if (config.plain_http) {
    config.listen = parse_listener(said.substr(kPlainScheme.size()), std::nullopt);
    if (!config.listen)
      reader.fault(node, "'listen' by plain HTTP must be http://ADDRESS:PORT, such as http://127.0.0.1:8080");
  } else {
    config.listen = read_address(reader, root, "listen", true, kHttpsPort);
  }
  if (root["listen_group"] && !by_path)
    reader.fault(root["listen_group"], "'listen_group' is for 'listen: unix:/PATH'");
  config.admin_listen = read_address(reader, root, "admin_listen", false, std::nullopt);
}

}  // namespace cfpipe::edge
