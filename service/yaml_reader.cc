#include "service/yaml_reader.h"

#include <set>

#include "base/error.h"
#include "base/text.h"

namespace cfpipe::service {

int YamlReader::line_of(const YAML::Node& node) {
  return node.Mark().is_null() ? 0 : node.Mark().line + 1;
}

void YamlReader::fault(const YAML::Node& node, std::string text) {
  faults_(line_of(node), std::move(text));
}

namespace {

std::string listed(std::initializer_list<std::string_view> keys) {
  std::string out;
  for (const std::string_view key : keys) out.append(out.empty() ? "" : ", ").append(key);
  return out;
}

}  // namespace

bool YamlReader::mapping(const YAML::Node& node, const std::string& what,
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
    if (!known)
      fault(entry.first, "unknown key '" + printable(key, 60) + "' in " + what + "; use " + listed(keys));
    if (!seen.insert(key).second) fault(entry.first, "'" + printable(key, 60) + "' is given twice");
  }
  return true;
}

std::string YamlReader::text(const YAML::Node& parent, const char* key, const std::string& what,
                             bool required) {
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

bool YamlReader::flag(const YAML::Node& parent, const char* key, bool preset) {
  const YAML::Node node = parent[key];
  if (!node) return preset;
  bool value = preset;
  if (!node.IsScalar() || !YAML::convert<bool>::decode(node, value))
    fault(node, std::string("'") + key + "' must be true or false");
  return value;
}

std::chrono::seconds YamlReader::duration(const YAML::Node& parent, const char* key,
                                          std::chrono::seconds preset, std::chrono::seconds least,
                                          std::chrono::seconds most) {
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

std::size_t YamlReader::number(const YAML::Node& parent, const char* key, std::size_t preset,
                               std::size_t least, std::size_t most) {
  const YAML::Node node = parent[key];
  if (!node) return preset;
  std::size_t value = 0;
  if (!node.IsScalar() || !YAML::convert<std::size_t>::decode(node, value) || value < least || value > most)
    fault(node, std::string("'") + key + "' must be a number from " + std::to_string(least) + " to " +
                    std::to_string(most));
  return value;
}

std::optional<std::size_t> YamlReader::bytes(const YAML::Node& parent, const char* key, std::size_t least,
                                             std::size_t most) {
  const YAML::Node node = parent[key];
  if (!node) return std::nullopt;
  const auto value = node.IsScalar() ? parse_bytes(node.Scalar()) : std::nullopt;
  if (value && *value >= least && *value <= most) return value;
  fault(node, std::string("'") + key + "' must be a size from " + bytes_text(least) + " to " +
                  bytes_text(most) + ", such as 128MiB");
  return std::nullopt;
}

std::size_t YamlReader::limit(const YAML::Node& parent, const char* key, std::size_t preset,
                              std::size_t most) {
  const YAML::Node node = parent[key];
  if (!node) return preset;
  if (node.IsScalar() && node.Scalar() == "none") return 0;
  std::size_t value = 0;
  if (!node.IsScalar() || !YAML::convert<std::size_t>::decode(node, value) || value < 1 || value > most)
    fault(node, std::string("'") + key + "' must be none, or a number from 1 to " + std::to_string(most));
  return value;
}

}  // namespace cfpipe::service
