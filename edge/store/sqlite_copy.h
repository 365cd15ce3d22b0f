#pragma once

#include <string>

#include "base/error.h"

namespace cfpipe::edge {

/// Writes the store in DIR/edge.db as it is at this moment, whole, into a file that is empty and open for
/// writing; others go on using the store meanwhile. The copy has been looked through when this returns.
/// `name`: the file's, for messages. Stage::state.
Result<void> copy_sqlite_store(const std::string& dir, int file, const std::string& name);

}  // namespace cfpipe::edge
