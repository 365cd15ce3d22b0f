#pragma once

#include <string>
#include <vector>

namespace cfpipe {

/// Most bytes kept of each output stream of a program.
inline constexpr std::size_t kMaxProgramOutputBytes = 256 * 1024;

/// The result of a program that has ended.
struct ProgramEnd {
  int status = 0;  ///< exit status; 127 if it could not be run, 128 plus the signal's number if it was killed
  std::string output;     ///< first kMaxProgramOutputBytes of standard output
  std::string complaint;  ///< and of standard error
  bool well() const { return status == 0; }
};

/// Runs a program without a shell, with empty standard input, and waits for its end without a timeout.
ProgramEnd run_program(const std::vector<std::string>& command);

}  // namespace cfpipe
