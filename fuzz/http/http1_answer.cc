// HTTP/1.1 answers of a server as the client reads them, interim ones before the final one: what is read does
// not depend on cuts, stays within the bounds, and is whole only if the protocol says so.
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include "http1.h"
#include "transport/dial/http_client.h"
#include "transport/http/message_io.h"

namespace {

namespace http = boost::beast::http;
using cfpipe::fuzz::require;
using namespace cfpipe;
using namespace cfpipe::transport;

/// Answers that are read of one connection.
constexpr int kMaxAnswers = 4;

HttpAnswer answer_of(const http::response<http::string_body>& from) {
  require(from.body().size() <= cfpipe::fuzz::kMaxHttpBody, "a body has a bound");
  HttpAnswer answer;
  answer.status = static_cast<int>(from.result_int());
  require(answer.status >= 0 && answer.status <= 999, "a status has three digits");
  require(!is_interim(answer.status), "the final answer is not an interim one");
  for (const auto& field : from) answer.headers.emplace_back(field.name_string(), field.value());
  const auto cookie = answer.cookie("CF_Authorization");
  require(cookie.find(';') == std::string::npos, "a cookie's value ends before its attributes");
  return answer;
}

boost::asio::awaitable<void> ask(Channel& channel, cfpipe::fuzz::HttpHeard& heard) {
  const auto deadline = std::chrono::steady_clock::time_point::max();
  boost::beast::flat_buffer buffer;
  for (int i = 0; i < kMaxAnswers; ++i) {
    http::response_parser<http::string_body> parser;
    parser.header_limit(cfpipe::fuzz::kMaxHttpHeader);
    parser.body_limit(cfpipe::fuzz::kMaxHttpBody);
    const auto read = co_await read_answer(channel, buffer, parser, deadline);
    if (!read) {
      heard.end = cfpipe::fuzz::end_of(read.error());
      co_return;
    }
    const auto& answer = parser.get();
    heard.messages.push_back(std::to_string(answer_of(answer).status) + "\n" +
                             cfpipe::fuzz::fields_of(answer) + "\n" + answer.body());
    if (!parser.keep_alive()) co_return;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  cfpipe::fuzz::Input input(data, size);
  const auto plan = input.byte();
  const auto end = plan % 2 == 0 ? cfpipe::tunnel::IoStatus::eof : cfpipe::tunnel::IoStatus::failed;
  cfpipe::fuzz::hear_in_any_cuts(ask, input.rest(), plan, end);
  return 0;
}
