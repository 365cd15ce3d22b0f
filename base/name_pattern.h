#pragma once

#include <string_view>

namespace cfpipe::transport {

/// Names of applications as Cloudflare's documentation ("Application paths") has them: a `*` in a host stands
/// for any characters of one label, a `*` in a path for any characters, `/` among them. Client and edge read
/// them by these functions alone.

/// Whether a label without `*`, or with one, is `label`.
bool label_matches(std::string_view pattern, std::string_view label);

/// Whether `host`, in lower case, has the labels of the pattern, none of them empty. A label may have more
/// than one `*`: another edge wrote it.
bool host_matches(std::string_view pattern, std::string_view host);

/// Whether `path` is what the pattern names, or lies below that. Both begin with `/`; the pattern does not
/// end with one, unless it is empty, which names every path.
bool path_matches(std::string_view pattern, std::string_view path);

}  // namespace cfpipe::transport
