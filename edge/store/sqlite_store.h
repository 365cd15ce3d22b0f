#pragma once

#include <memory>
#include <string>

#include "edge/store/store.h"

namespace cfpipe::edge {

/// Opens the store in DIR/edge.db, and makes directory and file as needed, for their owner only.
/// Stage::state.
Result<std::unique_ptr<Store>> open_sqlite_store(const std::string& dir);

}  // namespace cfpipe::edge
