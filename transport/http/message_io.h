#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <string_view>

#include "base/error.h"
#include "transport/net/channel.h"

namespace cfpipe::transport {

/// Empty lines that may precede a request (RFC 9112 2.2).
inline constexpr int kMaxEmptyLines = 4;
/// Interim answers (1xx but 101, RFC 9110 15.2) that may precede the final one.
inline constexpr int kMaxInterimAnswers = 16;
/// True for the status of an answer that the final one follows; 101 is final.
constexpr bool is_interim(int status) {
  return status / 100 == 1 && status != 101;
}

/// Asked when the buffer of a message has grown, with its capacity in bytes: false ends the reading
/// (Stage::http, Cause::system_short). None: it may always.
using BufferRoom = std::function<bool(std::size_t)>;

/// Reads the rest of one HTTP/1.1 message, or only its header where the parser skips the body; what follows
/// the message stays in `buffer`. Cause::closed_early with an empty detail: the peer closed before the first
/// byte, as it may between requests. Other failures, all Stage::http: closed_early, http_malformed,
/// http_too_large, timed_out, system_short.
template <bool is_request>
boost::asio::awaitable<Result<void>> read_message(Channel& channel, boost::beast::flat_buffer& buffer,
                                                  boost::beast::http::basic_parser<is_request>& parser,
                                                  std::chrono::steady_clock::time_point deadline,
                                                  const BufferRoom* room = nullptr);

/// Reads a request up to the end of its header; read_message() reads the rest. Ignores kMaxEmptyLines empty
/// lines before it (RFC 9112 2.2) and rejects folded lines (5.2). Failures as of read_message().
boost::asio::awaitable<Result<void>> read_request_head(Channel& channel, boost::beast::flat_buffer& buffer,
                                                       boost::beast::http::basic_parser<true>& parser,
                                                       std::chrono::steady_clock::time_point deadline,
                                                       const BufferRoom* room = nullptr);

/// Reads the final answer into `parser` as read_message() does, and skips at most kMaxInterimAnswers interim
/// ones before it.
boost::asio::awaitable<Result<void>> read_answer(Channel& channel, boost::beast::flat_buffer& buffer,
                                                 boost::beast::http::basic_parser<false>& parser,
                                                 std::chrono::steady_clock::time_point deadline);

/// True for a failure of read_answer() or write_all() that left the peer silent: it closed before the first
/// byte of an answer.
bool unanswered(const Failure& failure);

/// Bytes handed to the channel at once by write_all(), so also what a peer that does not read makes it hold.
inline constexpr std::size_t kWriteStep = 64 * 1024;
/// Writes and flushes all of `text`, waiting as needed. Fails when the deadline has passed, or nothing at all
/// has been taken for `stall`. Failures, Stage::http: closed_early, timed_out.
boost::asio::awaitable<Result<void>> write_all(Channel& channel, std::string_view text,
                                               std::chrono::steady_clock::time_point deadline,
                                               std::chrono::milliseconds stall = std::chrono::hours(1));

}  // namespace cfpipe::transport
