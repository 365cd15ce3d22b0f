#pragma once

#include <string_view>

#include "base/error.h"

namespace cfpipe::cli {

/// Writes text to standard output, all of it or Cause::local_io.
Result<void> write_output(std::string_view text);

}  // namespace cfpipe::cli
