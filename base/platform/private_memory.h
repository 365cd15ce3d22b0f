#pragma once

namespace cfpipe {

/// Makes this process undumpable: no core files, and no debuggers of the same user. Call it before a secret
/// is in memory.
void keep_memory_private();

}  // namespace cfpipe
