#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace edge_mock {

/// The misbehaviour asked for on the command line. README.md has the table; this class only knows the names,
/// whether each takes a value, and how often the counted ones have been spent.
class Faults {
 public:
  /// Takes `NAME` or `NAME=VALUE`. Returns a complaint, empty if it was understood.
  std::string add(std::string_view spec);

  bool on(std::string_view name) const;
  /// The value, or empty.
  std::string text(std::string_view name) const;
  /// The value as a number, or `fallback` if the fault is off or was given without one.
  std::int64_t number(std::string_view name, std::int64_t fallback = 0) const;
  /// For faults that hit the first N times: true for the first `number(name, 1)` calls.
  bool spend(std::string_view name);

  static std::vector<std::string> names();

 private:
  struct Entry {
    std::string value;
    std::int64_t spent = 0;
  };
  std::map<std::string, Entry, std::less<>> entries_;
};

}  // namespace edge_mock
