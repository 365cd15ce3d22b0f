#pragma once

#include <string>

namespace cfpipe::cli {

/// What --version prints; `verbose`: with the libraries inside.
std::string version_text(bool verbose);

}  // namespace cfpipe::cli
