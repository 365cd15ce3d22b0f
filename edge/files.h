#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "transport/failure.h"

namespace cfpipe::edge {

using transport::Result;

/// Largest key or certificate file that is read, in bytes.
inline constexpr std::size_t kMaxKeyFileBytes = 256 * 1024;

/// Makes the state directory (0700, parents too). One that exists must be ours and closed to others; an empty
/// one is closed here. What killed processes have left in it under temporary names is removed. Stage::state.
Result<void> prepare_state_dir(const std::string& path);

/// Replaces the file whole, with exactly this mode: auth::TemporaryFile, its directory flushed. Stage::state.
Result<void> replace_file(const std::string& path, std::string_view content, unsigned mode);
/// Nothing if there is no such file.
Result<std::optional<std::string>> read_file(const std::string& path);

}  // namespace cfpipe::edge
