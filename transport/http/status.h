#pragma once

#include <optional>

#include "base/error.h"

namespace cfpipe::transport {

/// Why an answer with this status says that the edge cannot serve the request now: too_many_requests (429),
/// edge_unavailable (5xx, but for 501 and 505, which stay). Nothing for every other status.
inline std::optional<Cause> unavailable(int status) {
  if (status == 429) return Cause::too_many_requests;
  const bool lasting = status == 501 || status == 505;
  if (status / 100 == 5 && !lasting) return Cause::edge_unavailable;
  return std::nullopt;
}

}  // namespace cfpipe::transport
