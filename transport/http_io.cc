#include "transport/http_io.h"

#include <algorithm>
#include <boost/beast/http/error.hpp>

namespace cfpipe::transport {
namespace net = boost::asio;
namespace http = boost::beast::http;
namespace {

/// Bytes asked of the channel at once while a message is read.
constexpr std::size_t kReadStep = 16 * 1024;
/// Bytes of a message that wait for the rest of their line at most: the parser bounds headers and bodies, but
/// neither chunk extensions nor trailers.
constexpr std::size_t kMaxUnparsed = 128 * 1024;
/// Bytes handed to the channel at once while one is written.
constexpr std::size_t kWriteStep = 64 * 1024;

Failure parse_failure(const boost::system::error_code& error) {
  const bool size = error == http::error::header_limit || error == http::error::body_limit ||
                    error == http::error::buffer_overflow;
  return {Stage::http, size ? Cause::http_too_large : Cause::http_malformed, error.message()};
}

}  // namespace

template <bool is_request>
net::awaitable<Result<void>> read_message(TlsChannel& channel, boost::beast::flat_buffer& buffer,
                                          http::basic_parser<is_request>& parser,
                                          std::chrono::steady_clock::time_point deadline) {
  parser.eager(true);
  for (;;) {
    if (buffer.size() > 0) {
      boost::system::error_code error;
      const auto used = parser.put(buffer.data(), error);
      buffer.consume(used);
      if (error && error != http::error::need_more) co_return parse_failure(error);
      if (parser.is_done()) co_return Result<void>();
      if (buffer.size() > kMaxUnparsed)
        co_return Failure(Stage::http, Cause::http_too_large, "an endless line");
    }
    const auto room = buffer.prepare(kReadStep);
    std::size_t got = 0;
    const auto status = channel.read({static_cast<std::byte*>(room.data()), room.size()}, got);
    buffer.commit(got);
    if (status == tunnel::IoStatus::ok) continue;
    if (status == tunnel::IoStatus::would_block) {
      if (!co_await channel.readable(deadline)) co_return Failure(Stage::http, Cause::timed_out);
      continue;
    }
    if (const auto refusal = channel.refusal()) co_return *refusal;
    if (!parser.got_some() && buffer.size() == 0) co_return Failure(Stage::http, Cause::closed_early);
    // A body that ends with its connection is whole only if TLS says so: anyone can cut a connection.
    boost::system::error_code error;
    if (status == tunnel::IoStatus::eof) parser.put_eof(error);
    if (!error && parser.is_done()) co_return Result<void>();
    co_return Failure(Stage::http, Cause::closed_early, "in the middle of a message");
  }
}

template net::awaitable<Result<void>> read_message<true>(TlsChannel&, boost::beast::flat_buffer&,
                                                         http::basic_parser<true>&,
                                                         std::chrono::steady_clock::time_point);
template net::awaitable<Result<void>> read_message<false>(TlsChannel&, boost::beast::flat_buffer&,
                                                          http::basic_parser<false>&,
                                                          std::chrono::steady_clock::time_point);

net::awaitable<Result<void>> write_all(Channel& channel, std::string_view text,
                                       std::chrono::steady_clock::time_point deadline) {
  const Failure closed(Stage::http, Cause::closed_early);
  for (;;) {
    const auto step = text.substr(0, kWriteStep);
    auto status = step.empty() ? channel.flush() : channel.write(std::as_bytes(std::span(step)));
    if (status == tunnel::IoStatus::ok) {
      if (step.empty()) co_return Result<void>();
      text.remove_prefix(step.size());
      continue;
    }
    if (status != tunnel::IoStatus::would_block) co_return closed;
    if (!co_await channel.writable(deadline)) co_return Failure(Stage::http, Cause::timed_out);
  }
}

}  // namespace cfpipe::transport
