// HTTP/1.1 requests of a client, one behind the other as the edge reads them: what is read does not depend on
// cuts, and stays within the bounds.
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include "edge/http/request_rules.h"
#include "http1.h"
#include "transport/http/message_io.h"

namespace {

namespace http = boost::beast::http;
using cfpipe::fuzz::require;
using namespace cfpipe;
using namespace cfpipe::transport;
using Parser = http::request_parser<http::string_body>;

/// Requests that are read of one connection.
constexpr int kMaxRequests = 8;

// Why the head is refused, or empty.
std::string fault_in(const Parser& parser) {
  cfpipe::edge::Framing framing;
  if (const auto length = parser.content_length()) framing.content_length = *length;
  framing.chunked = parser.chunked();
  const auto fault = cfpipe::edge::fault_of(parser.get(), framing);
  if (!fault) return {};
  require(fault->status >= 400 && fault->status < 600, "a fault is answered with an error");
  return fault->why;
}

std::string request_of(const Parser& parser) {
  const auto& request = parser.get();
  const auto target = cfpipe::edge::target_of(request);
  const bool named = cfpipe::edge::request_authority(target.authority).has_value();
  require(named || (request.version() < 11 && target.authority.empty()), "a request is for a host");
  require(target.path_and_query.starts_with('/'), "a request is for a path");
  require(request.body().size() <= cfpipe::fuzz::kMaxHttpBody, "a body has a bound");
  std::string out(request.method_string());
  out.append(" ").append(target.authority).append(" ").append(target.path_and_query).append("\n");
  return out + cfpipe::fuzz::fields_of(request) + "\n" + request.body();
}

boost::asio::awaitable<void> serve(Channel& channel, cfpipe::fuzz::HttpHeard& heard) {
  const auto deadline = std::chrono::steady_clock::time_point::max();
  boost::beast::flat_buffer buffer;
  for (int i = 0; i < kMaxRequests; ++i) {
    Parser parser;
    parser.header_limit(cfpipe::fuzz::kMaxHttpHeader);
    parser.body_limit(boost::none);
    auto read = co_await read_request_head(channel, buffer, parser, deadline);
    if (read) {
      heard.end = fault_in(parser);
      if (!heard.end.empty()) co_return;
      (void)cfpipe::edge::expects_continue(parser.get());
      parser.body_limit(cfpipe::fuzz::kMaxHttpBody);
      read = co_await read_message<true>(channel, buffer, parser, deadline);
    }
    if (!read) {
      heard.end = cfpipe::fuzz::end_of(read.error());
      co_return;
    }
    heard.messages.push_back(request_of(parser));
    if (!parser.keep_alive()) co_return;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  cfpipe::fuzz::Input input(data, size);
  const auto plan = input.byte();
  const auto end = plan % 2 == 0 ? cfpipe::tunnel::IoStatus::eof : cfpipe::tunnel::IoStatus::failed;
  cfpipe::fuzz::hear_in_any_cuts(serve, input.rest(), plan, end);
  return 0;
}
