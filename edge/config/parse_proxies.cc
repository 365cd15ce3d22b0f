// Who may stand in front of the edge, in the YAML form of the configuration.
#include "edge/config/yaml_reader.h"

namespace cfpipe::edge {
namespace {

constexpr const char* kUnixSocket = "unix";

void read_trusted_proxy(YamlReader& reader, const YAML::Node& item, const Config& config,
                        TrustedProxies& out) {
  if (item.IsScalar() && item.Scalar() == kUnixSocket) {
    if (config.listen && !config.listen->is_unix())
      reader.fault(item, "'unix' in 'trusted_proxies' is for 'listen: unix:/PATH'");
    out.unix_socket = true;
    return;
  }
  const auto range = parse_ip_range(item.IsScalar() ? item.Scalar() : "");
  if (!range)
    return reader.fault(
        item, "a trusted proxy must be ADDRESS or ADDRESSES/BITS, such as 10.0.0.5 or 10.0.1.0/24, or unix");
  if (range->prefix == 0)
    return reader.fault(item, "'trusted_proxies' must not be all addresses: clients are no proxies");
  out.ranges.push_back(*range);
}

}  // namespace

void read_proxies(YamlReader& reader, const YAML::Node& root, LoadedConfig& loaded) {
  Config& config = loaded.config;
  TrustedProxies& out = config.proxies;
  const YAML::Node list = root["trusted_proxies"];
  if (list && (!list.IsSequence() || list.size() > kMaxTrustedProxies)) {
    reader.fault(list, "'trusted_proxies' must be a list of at most " + std::to_string(kMaxTrustedProxies) +
                           " addresses or ranges");
  } else if (list) {
    for (const YAML::Node& item : list) read_trusted_proxy(reader, item, config, out);
  }
  // In front of TLS there is no other way to name a client.
  out.proxy_protocol = reader.flag(root, "proxy_protocol", list.IsDefined() && !config.plain_http);
  if (root["proxy_protocol"] && !list)
    reader.fault(root["proxy_protocol"], "'proxy_protocol' needs 'trusted_proxies', who alone may send it");
  if (config.listen && config.listen->is_unix()) {
    if (!out.unix_socket)
      reader.fault(root["listen"],
                   "'listen' at a Unix-domain socket needs 'trusted_proxies: [unix]': what connects there is "
                   "believed about its clients");
    return;
  }
  if (!config.plain_http || !config.listen || (list && list.size() > 0)) return;
  if (!config.listen->is_local()) {
    reader.fault(
        root["listen"],
        "'listen' by plain HTTP needs 'trusted_proxies', where TLS ends, unless its address is loopback");
  } else {
    loaded.warnings.emplace_back(
        "without 'trusted_proxies' every client has the address of the proxy in front: name that one");
  }
}

}  // namespace cfpipe::edge
