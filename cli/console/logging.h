#pragma once

#include <string_view>

#include "cli/options/options.h"

namespace cfpipe::cli {

/// Sends the log where the options say: to a file (0600, appended to), else to standard error if a level was
/// asked for, else nowhere. Nothing secret is ever given to it. Stage::config: the file cannot be opened.
Result<void> start_logging(const Options& options);

/// What was just printed on standard error, for the log too if that is a file.
void log_report(std::string_view line);

}  // namespace cfpipe::cli
