#pragma once

#include <boost/beast/http/fields.hpp>
#include <boost/beast/http/message.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/host.h"
#include "transport/http2/stream.h"

namespace cfpipe::edge {

/// Bounds of one request, in bytes.
inline constexpr std::size_t kMaxRequestHeaderBytes = 32 * 1024;
inline constexpr std::size_t kMaxRequestBodyBytes = 256 * 1024;

/// What the RFCs have an edge reject of a request before the site sees it. Pure: heads in, verdicts out.

/// An HTTP/1.1 request's head, as its parser has read it.
using RequestHead = boost::beast::http::request_header<>;

/// How a parser means to find the end of the content.
struct Framing {
  std::optional<std::uint64_t> content_length;
  bool chunked = false;
};

/// Why a request is answered with an error, and with which.
struct RequestFault {
  int status;
  const char* why;
};

/// The first rule that the head breaks: framing (RFC 9112 6.1, 6.3; 501 for a transfer coding other than
/// chunked), Host (3.2), target (3.2), expectation (RFC 9110 10.1.1), announced length. Versions other than
/// 1.0 and 1.1 do not come this far: the parser takes no others. A connection is closed behind such an
/// answer: what follows the head may not be a request.
std::optional<RequestFault> fault_of(const RequestHead& head, const Framing& framing);
/// The same for HTTP/2 (RFC 9113 8.3; RFC 9220 3 for an extended CONNECT), where it is the stream that ends.
std::optional<RequestFault> fault_of(const transport::H2Stream& stream);

/// What a request is for: that of its target if it is in absolute form (RFC 9112 3.2.2), else Host.
struct RequestTarget {
  std::string authority;
  std::string path_and_query;
};
/// Of a head without fault.
RequestTarget target_of(const RequestHead& head);

/// Whether the client waits for a 100 before it sends the content (RFC 9110 10.1.1).
bool expects_continue(const RequestHead& head);

/// Who a request is for: `host` or `host:port`, in its canonical form; an empty port is none (RFC
/// 3986 3.2.3). Nothing for any other text.
std::optional<Authority> request_authority(std::string_view text);

}  // namespace cfpipe::edge
