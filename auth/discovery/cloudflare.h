#pragma once

#include <string_view>

namespace cfpipe::auth {

/// True if the host, canonical and without a port, is an auth domain of Cloudflare's own edge.
inline bool is_cloudflares(std::string_view host) {
  return host.ends_with(".cloudflareaccess.com");
}

}  // namespace cfpipe::auth
