#pragma once

#include <sqlite3.h>

#include <memory>
#include <string>

namespace cfpipe::edge {

struct CloseDb {
  void operator()(sqlite3* db) const noexcept { sqlite3_close_v2(db); }
};
using Db = std::unique_ptr<sqlite3, CloseDb>;

/// Opens the database, for its owner only, makes it if there is none, and brings an older one up to this
/// version's schema: all of the way or none. Throws std::runtime_error: while starting only.
Db open_database(const std::string& path);

}  // namespace cfpipe::edge
