#pragma once

#include <string_view>

namespace cfpipe {

/// Application names as in Cloudflare's documentation ("Application paths"): a `*` in a host matches any
/// characters of one label, a `*` in a path any characters, `/` included. Client and edge match with these
/// functions only.

/// Whether `label` matches a pattern with at most one `*`.
bool label_matches(std::string_view pattern, std::string_view label);

/// Whether `host`, in lower case, matches the pattern label by label; an empty label matches nothing. A label
/// of the pattern may have more than one `*`, since other edges accept that.
bool host_matches(std::string_view pattern, std::string_view host);

/// Whether `path` matches the pattern or lies below a match. Both begin with `/`, and the pattern does not
/// end with one. An empty pattern matches every path.
bool path_matches(std::string_view pattern, std::string_view path);

}  // namespace cfpipe
