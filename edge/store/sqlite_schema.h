#pragma once

#include <sqlite3.h>

#include <memory>
#include <string>

#include "base/error.h"

namespace cfpipe::edge {

struct CloseDb {
  void operator()(sqlite3* db) const noexcept { sqlite3_close_v2(db); }
};
using Db = std::unique_ptr<sqlite3, CloseDb>;

/// Opens DIR/edge.db, for its owner only, makes directory and file if there are none, and brings an older
/// database up to this version's schema: all of the way or none. Stage::state.
Result<Db> open_sqlite_database(const std::string& dir);

}  // namespace cfpipe::edge
