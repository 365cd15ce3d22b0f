#pragma once

#include <boost/json/object.hpp>
#include <fstream>
#include <string>

namespace edge_mock {

/// DIR/log.jsonl: one JSON object a line, flushed, for tests to count with. Never holds a credential.
class Log {
 public:
  explicit Log(const std::string& file);
  /// Adds `time` (Unix seconds with fraction) in front and writes the line.
  void write(const char* event, const boost::json::object& fields);

 private:
  std::ofstream out_;
};

}  // namespace edge_mock
