#pragma once

#include <string>

#include "base/error.h"
#include "base/secret.h"

namespace cfpipe {

/// The content of a secret file that the user has named, at most kMaxStateFileBytes. It must be a plain file
/// of this user, no symlink, that other users can neither read nor write. Stage::config,
/// Cause::file_unusable.
Result<Secret> read_private_file(const std::string& path);

}  // namespace cfpipe
