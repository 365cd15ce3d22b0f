#pragma once

#include <string>

#include "base/error.h"
#include "base/secret.h"

namespace cfpipe::edge {

/// The secret that a file holds in its first line. Refuses a link, what is not the edge's user's or root's,
/// and what others may read; detail is the reason without the path.
Result<Secret> read_secret_file(const std::string& path);

}  // namespace cfpipe::edge
