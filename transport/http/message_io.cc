#include "transport/http/message_io.h"

#include <algorithm>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <utility>

namespace cfpipe::transport {
namespace net = boost::asio;
namespace http = boost::beast::http;
using tunnel::IoStatus;
namespace {

/// Bytes asked of the channel at once while a message is read.
constexpr std::size_t kReadStep = 16 * 1024;
/// Bytes of a message that wait for the rest of their line at most: the parser bounds headers and bodies, but
/// neither chunk extensions nor trailers.
constexpr std::size_t kMaxUnparsed = 128 * 1024;
/// Header of one interim answer, in bytes.
constexpr std::uint32_t kMaxInterimBytes = 64 * 1024;

Failure parse_failure(const boost::system::error_code& error) {
  if (error == boost::system::errc::not_enough_memory) return {Stage::http, Cause::system_short};
  const bool size = error == http::error::header_limit || error == http::error::body_limit ||
                    error == http::error::buffer_overflow;
  return {Stage::http, size ? Cause::http_too_large : Cause::http_malformed, error.message()};
}

std::string_view text_of(const boost::beast::flat_buffer& buffer) {
  return {static_cast<const char*>(buffer.data().data()), buffer.size()};
}

// What the parser lets pass in the lines of a request's head.
class HeadLines {
 public:
  // Drops empty lines before the request line. False: there are too many.
  bool drop_empty(boost::beast::flat_buffer& buffer) {
    for (; text_of(buffer).starts_with("\r\n"); buffer.consume(2)) {
      if (++empty_ > kMaxEmptyLines) return false;
    }
    return true;
  }
  // True if a line begins with white space: RFC 9112 5.2, and 2.2 for the first one.
  bool folded(std::string_view parsed) {
    for (const char c : parsed) {
      const bool space = c == ' ' || c == '\t';
      if (std::exchange(last_, c) == '\n' && space) return true;
    }
    return false;
  }

 private:
  int empty_ = 0;
  char last_ = '\0';
};

// Gives the parser what is in the buffer.
template <bool is_request>
Result<void> parse_some(boost::beast::flat_buffer& buffer, http::basic_parser<is_request>& parser,
                        HeadLines* lines = nullptr) {
  boost::system::error_code error;
  const auto used = parser.put(buffer.data(), error);
  const bool folded = lines != nullptr && lines->folded(text_of(buffer).substr(0, used));
  buffer.consume(used);
  if (error && error != http::error::need_more) return parse_failure(error);
  if (folded) return Failure(Stage::http, Cause::http_malformed, "a folded header line");
  if (!parser.is_done() && buffer.size() > kMaxUnparsed)
    return Failure(Stage::http, Cause::http_too_large, "an endless line");
  return {};
}

// Receives some bytes behind what is in the buffer, or how the peer's direction ended.
net::awaitable<Result<IoStatus>> receive(Channel& channel, boost::beast::flat_buffer& buffer,
                                         std::chrono::steady_clock::time_point deadline,
                                         const BufferRoom* room = nullptr) {
  for (;;) {
    const auto before = buffer.capacity();
    const auto free = buffer.prepare(kReadStep);
    const bool grown = buffer.capacity() != before;
    if (grown && room != nullptr && !(*room)(buffer.capacity()))
      co_return Failure(Stage::http, Cause::system_short);
    std::size_t got = 0;
    const auto status = channel.read({static_cast<std::byte*>(free.data()), free.size()}, got);
    buffer.commit(got);
    if (status == IoStatus::would_block) {
      if (!co_await channel.readable(deadline)) co_return Failure(Stage::http, Cause::timed_out);
      continue;
    }
    co_return status;
  }
}

Failure cut_short(bool begun) {
  return {Stage::http, Cause::closed_early, begun ? "in the middle of a message" : ""};
}

// Whether bytes begin an answer that another one follows.
enum class Interim { no, unknown, yes };

Interim interim(std::string_view bytes) {
  constexpr std::string_view kForm = "HTTP/1.x 1";
  constexpr std::size_t kMinor = 7;
  constexpr std::size_t kStatus = 9;
  constexpr std::size_t kStatusEnd = 12;
  const auto seen = bytes.substr(0, kForm.size());
  for (std::size_t i = 0; i < seen.size(); ++i) {
    if (i != kMinor && seen[i] != kForm[i]) return Interim::no;
  }
  if (bytes.size() < kStatusEnd) return Interim::unknown;
  return bytes.substr(kStatus, kStatusEnd - kStatus) == "101" ? Interim::no : Interim::yes;
}

}  // namespace

template <bool is_request>
net::awaitable<Result<void>> read_message(Channel& channel, boost::beast::flat_buffer& buffer,
                                          http::basic_parser<is_request>& parser,
                                          std::chrono::steady_clock::time_point deadline,
                                          const BufferRoom* room) {
  parser.eager(true);
  for (;;) {
    if (!parser.is_done() && buffer.size() > 0) {
      const auto parsed = parse_some(buffer, parser);
      if (!parsed) co_return parsed.error();
    }
    if (parser.is_done()) co_return Result<void>();
    const auto received = co_await receive(channel, buffer, deadline, room);
    if (!received) co_return received.error();
    if (*received == IoStatus::ok) continue;
    if (!parser.got_some() && buffer.size() == 0) co_return cut_short(false);
    // A body that ends with its connection is whole only if TLS says so: anyone can cut a connection.
    boost::system::error_code error;
    if (*received == IoStatus::eof) parser.put_eof(error);
    if (!error && parser.is_done()) co_return Result<void>();
    co_return cut_short(true);
  }
}

net::awaitable<Result<void>> read_request_head(Channel& channel, boost::beast::flat_buffer& buffer,
                                               http::basic_parser<true>& parser,
                                               std::chrono::steady_clock::time_point deadline,
                                               const BufferRoom* room) {
  parser.eager(false);  // so that the parser stops behind the header
  HeadLines lines;
  for (;;) {
    if (!parser.got_some() && !lines.drop_empty(buffer))
      co_return Failure(Stage::http, Cause::http_malformed, "empty lines without a request");
    const bool half_empty_line = !parser.got_some() && text_of(buffer) == "\r";
    if (buffer.size() > 0 && !half_empty_line) {
      const auto parsed = parse_some(buffer, parser, &lines);
      if (!parsed) co_return parsed.error();
      if (parser.is_header_done()) co_return Result<void>();
    }
    const auto received = co_await receive(channel, buffer, deadline, room);
    if (!received) co_return received.error();
    if (*received != IoStatus::ok) co_return cut_short(parser.got_some() || buffer.size() > 0);
  }
}

net::awaitable<Result<void>> read_answer(Channel& channel, boost::beast::flat_buffer& buffer,
                                         http::basic_parser<false>& parser,
                                         std::chrono::steady_clock::time_point deadline) {
  for (int skipped = 0;;) {
    const auto begins = interim(text_of(buffer));
    if (begins == Interim::unknown) {
      const auto received = co_await receive(channel, buffer, deadline);
      if (!received) co_return received.error();
      if (*received != IoStatus::ok) co_return cut_short(skipped > 0 || buffer.size() > 0);
      continue;
    }
    if (begins == Interim::no) co_return co_await read_message<false>(channel, buffer, parser, deadline);
    if (++skipped > kMaxInterimAnswers)
      co_return Failure(Stage::http, Cause::http_malformed, "interim answers without a final one");
    http::response_parser<http::empty_body> interim_answer;
    interim_answer.header_limit(kMaxInterimBytes);
    const auto read = co_await read_message<false>(channel, buffer, interim_answer, deadline);
    if (!read) co_return read.error();
  }
}

template net::awaitable<Result<void>> read_message<true>(Channel&, boost::beast::flat_buffer&,
                                                         http::basic_parser<true>&,
                                                         std::chrono::steady_clock::time_point,
                                                         const BufferRoom*);
template net::awaitable<Result<void>> read_message<false>(Channel&, boost::beast::flat_buffer&,
                                                          http::basic_parser<false>&,
                                                          std::chrono::steady_clock::time_point,
                                                          const BufferRoom*);

bool unanswered(const Failure& failure) {
  return failure.cause == Cause::closed_early && failure.detail.empty();
}

net::awaitable<Result<void>> write_all(Channel& channel, std::string_view text,
                                       std::chrono::steady_clock::time_point deadline,
                                       std::chrono::milliseconds stall) {
  const Failure closed(Stage::http, Cause::closed_early);
  for (;;) {
    auto status = channel.flush();
    if (status == IoStatus::ok) {
      if (text.empty()) co_return Result<void>();
      const auto step = text.substr(0, kWriteStep);
      status = channel.write(std::as_bytes(std::span(step)));
      if (status == IoStatus::ok) text.remove_prefix(step.size());
    }
    if (status == IoStatus::ok) continue;
    if (status != IoStatus::would_block) co_return closed;
    const auto until = std::min(deadline, std::chrono::steady_clock::now() + stall);
    if (!co_await channel.writable(until)) co_return Failure(Stage::http, Cause::timed_out);
  }
}

}  // namespace cfpipe::transport
