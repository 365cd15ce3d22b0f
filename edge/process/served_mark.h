#pragma once

#include <cstdint>
#include <string>

namespace cfpipe::edge {

/// How processes that still drain learn that the edge serves by another configuration: a file in the state
/// directory, whose time the process that serves sets at its start and at each reload.
class ServedMark {
 public:
  explicit ServedMark(const std::string& state_dir) : path_(state_dir + "/served"), seen_(time()) {}
  /// This process serves by another configuration from now on.
  void set();
  /// Another process has said so since the last call of either.
  bool changed();

 private:
  std::int64_t time() const;  ///< of the file, in nanoseconds; 0: there is none

  std::string path_;
  std::int64_t seen_;
};

}  // namespace cfpipe::edge
