// Who may stand in front of the edge, in the YAML form of the configuration.
#include "edge/yaml_reader.h"

namespace cfpipe::edge {
namespace {

void read_range(YamlReader& reader, const YAML::Node& item, TrustedProxies& out) {
  const auto range = parse_ip_range(item.IsScalar() ? item.Scalar() : "");
  if (!range)
    return reader.fault(item,
                        "a trusted proxy must be ADDRESS or ADDRESSES/BITS, such as 10.0.0.5 or 10.0.1.0/24");
  if (range->prefix == 0)
    return reader.fault(item, "'trusted_proxies' must not be all addresses: clients are no proxies");
  out.ranges.push_back(*range);
}

}  // namespace

void read_proxies(YamlReader& reader, const YAML::Node& root, TrustedProxies& out) {
  const YAML::Node list = root["trusted_proxies"];
  if (list && (!list.IsSequence() || list.size() > kMaxTrustedProxies)) {
    reader.fault(list, "'trusted_proxies' must be a list of at most " + std::to_string(kMaxTrustedProxies) +
                           " addresses or ranges");
  } else if (list) {
    for (const YAML::Node& item : list) read_range(reader, item, out);
  }
  out.proxy_protocol = reader.flag(root, "proxy_protocol", list.IsDefined());
  if (root["proxy_protocol"] && !list)
    reader.fault(root["proxy_protocol"], "'proxy_protocol' needs 'trusted_proxies', who alone may send it");
}

}  // namespace cfpipe::edge
