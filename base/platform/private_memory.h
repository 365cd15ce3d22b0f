#pragma once

namespace cfpipe::transport {

/// Keeps what this process has in memory out of core files, whoever asks for one, and away from the debuggers
/// of this user. Call it before there is anything to keep.
void keep_memory_private();

}  // namespace cfpipe::transport
