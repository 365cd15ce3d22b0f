#pragma once

#include <string>
#include <vector>

namespace cfpipe::edge {

/// Largest output of a program that is looked at, in bytes.
inline constexpr std::size_t kMaxProgramOutputBytes = 256 * 1024;

struct ProgramEnd {
  int status =
      0;  ///< its exit status; 127 if it could not be run, 128 and the signal's number if it was killed
  std::string output;     ///< standard output, its beginning
  std::string complaint;  ///< standard error, its beginning
  bool well() const { return status == 0; }
};

/// Runs a program, without a shell and with nothing to read, to its end, however long that takes.
ProgramEnd run_program(const std::vector<std::string>& command);

}  // namespace cfpipe::edge
