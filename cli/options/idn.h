#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace cfpipe::cli {

/// `[scheme://]host[:port][/path]` in UTF-8 as it is on the wire: the host's labels as A-labels (IDNA 2008
/// with the mapping of UTS 46), the rest percent-encoded. Cause::bad_hostname. Only for text that is not all
/// ASCII.
Result<std::string> to_ascii(std::string_view text);

}  // namespace cfpipe::cli
