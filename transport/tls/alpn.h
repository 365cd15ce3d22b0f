#pragma once

namespace cfpipe::transport {

/// What is offered to a server (RFC 7301).
enum class Alpn { http1, http2_or_http1 };

}  // namespace cfpipe::transport
