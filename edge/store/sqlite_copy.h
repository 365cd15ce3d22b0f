#pragma once

#include <sqlite3.h>

#include <string>

#include "base/error.h"

namespace cfpipe::edge {

/// Writes the database as it is at this moment, whole, into a file that is empty and open for writing; others
/// go on using the database meanwhile. The copy has been looked through when this returns. Stage::state.
/// `name`: the file's, for messages.
Result<void> copy_database(sqlite3* db, int file, const std::string& name);

}  // namespace cfpipe::edge
