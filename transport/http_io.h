#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <chrono>
#include <string_view>

#include "transport/failure.h"
#include "transport/tls_channel.h"

namespace cfpipe::transport {

/// Reads one whole HTTP/1.1 message, or only its header where the parser skips the body; what follows it
/// stays in `buffer`. Cause::closed_early with an empty detail: the peer closed before the first byte, as it
/// may between requests. Other failures, all Stage::http: closed_early, http_malformed, http_too_large,
/// timed_out; and TlsChannel::refusal().
template <bool is_request>
boost::asio::awaitable<Result<void>> read_message(TlsChannel& channel, boost::beast::flat_buffer& buffer,
                                                  boost::beast::http::basic_parser<is_request>& parser,
                                                  std::chrono::steady_clock::time_point deadline);

/// Writes and flushes all of `text`, waiting as needed. Failures, Stage::http: closed_early, timed_out.
boost::asio::awaitable<Result<void>> write_all(Channel& channel, std::string_view text,
                                               std::chrono::steady_clock::time_point deadline);

}  // namespace cfpipe::transport
