#pragma once

namespace cfpipe::transport {

/// Makes this process undumpable: no core files, and no debuggers of the same user. Call it before a secret
/// is in memory.
void keep_memory_private();

}  // namespace cfpipe::transport
