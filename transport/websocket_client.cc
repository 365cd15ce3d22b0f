#include "transport/websocket_client.h"

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>

#include "transport/http_io.h"
#include "transport/reason.h"
#include "transport/tls_channel.h"
#include "transport/websocket_answer.h"
#include "transport/websocket_handshake.h"
#include "transport/websocket_stream.h"

namespace cfpipe::transport {
namespace net = boost::asio;
namespace http = boost::beast::http;
namespace {

using Clock = std::chrono::steady_clock;
using AnswerParser = http::response_parser<http::empty_body>;

std::string request_text(const WebSocketRequest& request, const std::string& key) {
  std::string out = "GET " + request.url.target + " HTTP/1.1\r\nHost: " + request.url.authority() +
                    "\r\nUser-Agent: cfpipe/" CFPIPE_VERSION
                    "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                    "Sec-WebSocket-Key: " +
                    key + "\r\n" + kHalfCloseHeader + ": 1\r\n";
  for (const auto& [name, value] : request.headers) out += name + ": " + value + "\r\n";
  return out + "\r\n";
}

std::string text_of(const AnswerParser& answer, boost::string_view name) {
  const auto value = answer.get()[name];
  return {value.data(), value.size()};
}

Failure refused(const Url& url, const AnswerParser& answer) {
  return upgrade_refused(url, static_cast<int>(answer.get().result_int()), text_of(answer, "Location"),
                         text_of(answer, "Cf-Ray"), text_of(answer, kReasonHeader));
}

Result<void> check_switch(const Url& url, const AnswerParser& answer, const std::string& key) {
  if (answer.get().result() != http::status::switching_protocols) return refused(url, answer);
  if (text_of(answer, "Sec-WebSocket-Accept") == websocket_accept(key)) return {};
  Failure failure(Stage::upgrade, Cause::bad_accept, url.authority());
  failure.http_status = 101;
  return failure;
}

}  // namespace

net::awaitable<Result<std::unique_ptr<tunnel::Stream>>> open_websocket(HttpClient& client,
                                                                       const WebSocketRequest& request) {
  for (;;) {
    bool reused = false;
    auto channel = co_await client.connection(request.url, reused);
    if (!channel) co_return channel.error();
    const auto deadline = Clock::now() + request.deadline;
    const auto key = websocket_key();
    const auto text = request_text(request, key);

    AnswerParser answer;
    answer.header_limit(kMaxAnswerHeaderBytes);
    answer.skip(true);  // no body of a refusal is of use, and behind a 101 there are frames
    boost::beast::flat_buffer buffer;
    auto done = co_await write_all(**channel, text, deadline);
    if (done) done = co_await read_message<false>(**channel, buffer, answer, deadline);
    if (!done) {
      Failure failure = done.error();
      // A server may close an idle connection at the very moment we use it.
      if (reused && failure.cause == Cause::closed_early && !answer.got_some()) continue;
      failure.stage = Stage::upgrade;
      failure.detail = request.url.authority() + (failure.detail.empty() ? "" : ": " + failure.detail);
      co_return failure;
    }
    if (const auto checked = check_switch(request.url, answer, key); !checked) co_return checked.error();
    const bool half_close = text_of(answer, kHalfCloseHeader) == "1";
    const std::span<const std::byte> early(static_cast<const std::byte*>(buffer.data().data()),
                                           buffer.size());
    co_return make_websocket_stream(std::move(*channel), WsRole::client, half_close, early);
  }
}

}  // namespace cfpipe::transport
