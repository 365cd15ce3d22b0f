#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/beast/http/fields.hpp>
#include <exception>
#include <string>

#include "base/error.h"
#include "fuzz.h"
#include "memory_channel.h"

namespace cfpipe::fuzz {

/// Bounds of a message, in bytes: small, so that an input reaches them.
inline constexpr std::size_t kMaxHttpHeader = 2048;
inline constexpr std::size_t kMaxHttpBody = 1024;

/// What a reader has understood of a connection: its messages, and how it ended.
struct HttpHeard {
  std::vector<std::string> messages;
  std::string end;
  bool operator==(const HttpHeard&) const = default;
};

/// The fields, which have to be ones that may stand in a message.
inline std::string fields_of(const boost::beast::http::fields& fields) {
  std::string out;
  for (const auto& field : fields) {
    require(!field.name_string().empty(), "a field has a name");
    for (const char c : field.name_string()) require(c > ' ' && c < 0x7f && c != ':', "a name is a token");
    for (const char c : field.value()) require(c != '\r' && c != '\n' && c != '\0', "a value is one line");
    out.append(field.name_string()).append(":").append(field.value()).append("\n");
  }
  return out;
}

/// How a connection ended that failed. Not why: the parser finds a fault at once in what has come at once,
/// but waits for the end of the header where that comes in pieces.
inline std::string end_of(const Failure& failure) {
  require(failure.stage == Stage::http, "a failure is one of HTTP");
  require(printable(failure.detail) == failure.detail, "a failure is printable");
  return "failed";
}

/// What `read` understands of a peer that sends the pieces and ends as `end` says.
template <class Read>
HttpHeard hear(const Read& read, std::vector<std::string_view> pieces, tunnel::IoStatus end) {
  boost::asio::io_context io;
  MemoryChannel channel(io.get_executor(), std::move(pieces), end);
  HttpHeard heard;
  bool done = false;
  boost::asio::co_spawn(io, read(channel, heard), [&done](const std::exception_ptr& thrown) {
    require(!thrown, "reading does not throw");
    done = true;
  });
  io.run();
  require(done, "reading comes to an end");
  return heard;
}

/// The same for all of the text and for the text in pieces, which have to give the same.
template <class Read>
void hear_in_any_cuts(const Read& read, std::string_view text, std::uint8_t plan, tunnel::IoStatus end) {
  const auto whole = text.empty() ? std::vector<std::string_view>{} : std::vector{text};
  require(hear(read, whole, end) == hear(read, cut(text, plan), end), "cuts change nothing");
}

}  // namespace cfpipe::fuzz
