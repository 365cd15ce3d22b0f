#pragma once

#include <sqlite3.h>

#include <string>

#include "transport/failure.h"

namespace cfpipe::edge {

/// Writes the database as it is at this moment, whole, into a new file for its owner only; others go on
/// using it meanwhile. Looked through and on disk when it returns; where that fails there is no file.
/// Stage::state; a file that is there already is left alone.
transport::Result<void> copy_database(sqlite3* db, const std::string& path);

}  // namespace cfpipe::edge
