#include "transport/websocket/over_http2.h"

#include <algorithm>
#include <charconv>

#include "transport/websocket/handshake.h"
#include "transport/websocket/refusal.h"
#include "transport/websocket/stream.h"
#include "tunnel/resume/handshake.h"

namespace cfpipe::transport {
namespace net = boost::asio;
namespace {

/// How long a connection that was idle may be silent after a request: a peer that is there answers a PING at
/// once, whatever the request takes.
constexpr std::chrono::milliseconds kSignOfLife{3'000};

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return text;
}

int status_of(const H2Stream& stream) {
  const auto text = stream.field(":status");
  int status = 0;
  std::from_chars(text.data(), text.data() + text.size(), status);
  return status;
}

Failure unanswered(const H2Stream& stream, const H2Connection& connection, const WebSocketRequest& request) {
  const bool gone = stream.closed() || connection.over();
  std::string detail = request.url.authority();
  if (!connection.why().empty()) detail += ": " + connection.why();
  return {Stage::upgrade, gone ? Cause::closed_early : Cause::timed_out, std::move(detail)};
}

}  // namespace

H2Head websocket_head(const WebSocketRequest& request) {
  H2Head head = {{":method", "CONNECT"},        {":protocol", "websocket"},
                 {":scheme", "https"},          {":authority", request.url.authority()},
                 {":path", request.url.target}, {"sec-websocket-version", kWebSocketVersion},
                 {lower(kHalfCloseHeader), "1"}};
  if (!names_user_agent(request)) head.emplace_back("user-agent", "cfpipe/" CFPIPE_VERSION);
  if (auto resume = request.resume(); !resume.empty())
    head.emplace_back(lower(tunnel::kResumeHeader), std::move(resume));
  for (const auto& [name, value] : request.headers) head.emplace_back(lower(name), value);
  return head;
}

net::awaitable<Result<std::unique_ptr<tunnel::Stream>>> open_h2_websocket(
    std::shared_ptr<H2Connection> connection, const WebSocketRequest& request, bool& elsewhere) {
  const auto deadline = H2Connection::Clock::now() + request.deadline;
  const H2Head head = websocket_head(request);
  auto stream = connection->open(head, false);
  elsewhere = stream == nullptr;
  if (!stream) co_return Failure(Stage::upgrade, Cause::closed_early, request.url.authority());
  connection->probe(kSignOfLife);
  const bool headed = co_await stream->headed(deadline);
  if (!headed) {
    if (auto refusal = connection->refusal()) {
      refusal->detail = request.url.authority() + ": " + refusal->detail;
      co_return std::move(*refusal);
    }
    elsewhere = stream->refused() || connection->over();
    co_return unanswered(*stream, *connection, request);
  }
  const int status = status_of(*stream);
  if (status / 100 != 2) {
    co_return upgrade_refused(request.url, status, stream->field("location"), stream->field("cf-ray"),
                              stream->field("cfpipe-reason"));
  }
  const bool extension = !stream->field("sec-websocket-extensions").empty();
  const bool subprotocol = !stream->field("sec-websocket-protocol").empty();
  if (const char* fault = unasked_for(extension, subprotocol))
    co_return upgrade_misanswered(request.url, status, stream->field("cf-ray"), fault);
  const bool half_close = stream->field(lower(kHalfCloseHeader)) == "1";
  request.resume_answered(stream->field(lower(tunnel::kResumeHeader)));
  co_return make_websocket_stream(std::move(stream), WsRole::client, half_close, {}, request.times);
}

}  // namespace cfpipe::transport
