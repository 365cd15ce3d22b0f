#pragma once

#include <yaml-cpp/yaml.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace cfpipe::service {

/// Reads pieces of a YAML document; whatever is wrong with one becomes a fault with its line, and reading
/// goes on.
class YamlReader {
 public:
  /// Takes a fault with its line, from 1; 0: unknown.
  using Faults = std::function<void(int line, std::string text)>;
  explicit YamlReader(Faults faults) : faults_(std::move(faults)) {}

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
  Faults faults_;
};

}  // namespace cfpipe::service
