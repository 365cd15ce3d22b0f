#pragma once

#include <string>
#include <variant>
#include <vector>

#include "cli/options/options.h"

namespace cfpipe::cli {

/// Reads the command line (without the program's name). A Failure is Stage::input.
std::variant<Options, AskedText, Failure> parse_command_line(const std::vector<std::string>& arguments,
                                                             const Environment& environment);

}  // namespace cfpipe::cli
