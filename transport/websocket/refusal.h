#pragma once

#include <string_view>

#include "base/error.h"
#include "transport/net/url.h"

namespace cfpipe::transport {

/// What an answer that does not open a WebSocket means, of either HTTP version: Stage::upgrade with
/// http_status, location_host and ray filled, and one of token_rejected (a redirect to
/// `/cdn-cgi/access/login`), denied (401, 403), upgrade_redirected, not_a_websocket (200), origin_down (502,
/// 503, 504, 530), what unavailable() says, unexpected_status. The detail is `reason`, the edge's own
/// (kReasonHeader), or where it gives none the authority.
Failure upgrade_refused(const Url& url, int status, std::string_view location, std::string_view ray,
                        std::string_view reason);

/// An answer that opens a WebSocket against the rules: bad_accept, with `fault` as the detail.
Failure upgrade_misanswered(const Url& url, int status, std::string_view ray, const char* fault);

}  // namespace cfpipe::transport
