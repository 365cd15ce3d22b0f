#pragma once

#include <string>

#include "base/error.h"
#include "base/secret.h"

namespace cfpipe::auth {

/// The content of a file that a person has named and whose content is a secret: a plain file, no link, ours,
/// and nobody else's to read or write; at most kMaxStateFileBytes. Stage::config, Cause::file_unusable.
transport::Result<transport::Secret> read_private_file(const std::string& path);

}  // namespace cfpipe::auth
