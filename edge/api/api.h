#pragma once

#include <string_view>

#include "edge/api/call.h"

namespace cfpipe::edge {

inline constexpr std::string_view kApiPath = "/cdn-cgi/access/api/v1/";

/// Answers a request to the JSON API of the auth domain (docs/API.md), and sets call.changed. On the site's
/// loop. Never throws what a caller could cause.
Answer answer_api(ApiCall& call);

/// Why a browser's request that would change something is not believed to come from the auth domain's own
/// page; null: it is. `origin`: that domain's.
const char* foreign_request(const Request& request, std::string_view origin);

}  // namespace cfpipe::edge
