#include "transport/websocket/client.h"

#include <algorithm>
#include <array>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/rfc7230.hpp>
#include <charconv>

#include "base/access_headers.h"
#include "transport/http/message_io.h"
#include "transport/tls/channel.h"
#include "transport/websocket/handshake.h"
#include "transport/websocket/refusal.h"
#include "transport/websocket/stream.h"
#include "tunnel/resume/handshake.h"

namespace cfpipe::transport {
namespace net = boost::asio;
namespace http = boost::beast::http;
namespace {

using Clock = std::chrono::steady_clock;
using AnswerParser = http::response_parser<http::empty_body>;

constexpr unsigned kTooEarly = 425;

std::string request_text(const WebSocketRequest& request, const std::string& key) {
  std::string out = "GET " + request.url.target + " HTTP/1.1\r\nHost: " + request.url.authority() + "\r\n";
  if (!names_user_agent(request)) out += "User-Agent: cfpipe/" CFPIPE_VERSION "\r\n";
  out += "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: " +
         std::string(kWebSocketVersion) + "\r\nSec-WebSocket-Key: " + key + "\r\n" + kHalfCloseHeader +
         ": 1\r\n";
  if (const auto resume = request.resume(); !resume.empty())
    out += std::string(tunnel::kResumeHeader) + ": " + resume + "\r\n";
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

// RFC 6455 4.1: why an answer with status 101 does not open a WebSocket; null if it does.
const char* switch_fault(const AnswerParser& answer, const std::string& key) {
  const auto& head = answer.get();
  if (head.version() < 11) return "a switch over HTTP/1.0";
  if (!boost::beast::iequals(head[http::field::upgrade], "websocket")) return "no Upgrade: websocket";
  if (!http::token_list(head[http::field::connection]).exists("upgrade")) return "no Connection: Upgrade";
  if (head.count("Sec-WebSocket-Accept") != 1 || head["Sec-WebSocket-Accept"] != websocket_accept(key))
    return "a wrong Sec-WebSocket-Accept";
  return unasked_for(head.count("Sec-WebSocket-Extensions") > 0, head.count("Sec-WebSocket-Protocol") > 0);
}

Result<void> check_switch(const Url& url, const AnswerParser& answer, const std::string& key) {
  if (answer.get().result() != http::status::switching_protocols) return refused(url, answer);
  const char* fault = switch_fault(answer, key);
  if (fault == nullptr) return {};
  return upgrade_misanswered(url, 101, text_of(answer, "Cf-Ray"), fault);
}

/// Body of a 425 that is read so that its connection can be used again, in bytes.
constexpr std::size_t kMaxSkippedBody = 16 * 1024;

// Reads past the body of `answer`. False: the connection cannot be used again.
net::awaitable<bool> skip_body(TlsChannel& channel, boost::beast::flat_buffer& buffer,
                               const AnswerParser& answer, Clock::time_point deadline) {
  const auto text = text_of(answer, "Content-Length");
  std::size_t left = 0;
  const auto [end, bad] = std::from_chars(text.data(), text.data() + text.size(), left);
  if (!answer.get().keep_alive() || bad != std::errc() || end != text.data() + text.size()) co_return false;
  if (left > kMaxSkippedBody || buffer.size() > left) co_return false;
  left -= buffer.size();
  std::array<std::byte, 4096> dropped;
  while (left > 0) {
    std::size_t got = 0;
    const auto room = std::span(dropped).first(std::min(left, dropped.size()));
    const auto status = channel.read(room, got);
    left -= got;
    if (status == tunnel::IoStatus::ok) continue;
    if (status != tunnel::IoStatus::would_block || !co_await channel.readable(deadline)) co_return false;
  }
  co_return true;
}

// One request and its answer.
struct Exchange {
  std::string key;
  std::string text;
  HttpClient::Connected connected;
  boost::beast::flat_buffer buffer;
  AnswerParser answer;
  bool unanswered = false;  // the connection ended before the first byte of an answer
};

net::awaitable<Result<void>> exchange(HttpClient& client, const WebSocketRequest& request, bool early,
                                      Exchange& out) {
  // Not before the SYN is on its way: chance comes from OpenSSL, which takes milliseconds to start.
  const EarlyData write = [&request, &out]() -> std::string_view {
    out.key = websocket_key();
    out.text = request_text(request, out.key);
    return out.text;
  };
  const EarlyData* const first = early ? &write : nullptr;
  auto connected = co_await client.connection(request.url, first);
  if (!connected) co_return connected.error();
  out.connected = std::move(*connected);
  if (!out.connected.sent) write();
  const auto deadline = Clock::now() + request.deadline;
  out.answer.header_limit(kMaxAnswerHeaderBytes);
  out.answer.skip(true);  // no body of a refusal is of use, and behind a 101 there are frames
  auto& channel = *out.connected.channel;
  Result<void> done;
  if (!out.connected.sent) done = co_await write_all(channel, out.text, deadline);
  if (done) done = co_await read_answer(channel, out.buffer, out.answer, deadline);
  if (done) co_return done;
  Failure failure = done.error();
  out.unanswered = unanswered(failure);
  if (const auto refusal = channel.refusal()) failure = *refusal;
  if (failure.stage == Stage::http) failure.stage = Stage::upgrade;
  failure.detail = request.url.authority() + (failure.detail.empty() ? "" : ": " + failure.detail);
  co_return failure;
}

// A server may close an idle connection at the very moment we use it, and may think better of early data.
bool may_try_again(const Exchange& tried, const Failure& failure) {
  return (tried.connected.reused || tried.connected.sent) && failure.cause == Cause::closed_early &&
         tried.unanswered;
}

}  // namespace

bool names_user_agent(const WebSocketRequest& request) {
  return std::any_of(request.headers.begin(), request.headers.end(),
                     [](const auto& header) { return boost::beast::iequals(header.first, "User-Agent"); });
}

net::awaitable<Result<std::unique_ptr<tunnel::Stream>>> open_websocket(HttpClient& client,
                                                                       const WebSocketRequest& request) {
  for (bool early = true;;) {
    Exchange tried;
    const auto done = co_await exchange(client, request, early, tried);
    if (!done && !may_try_again(tried, done.error())) co_return done.error();
    // RFC 8470 5.2: not before the handshake is finished, which it is now.
    const bool too_early = done && early && tried.answer.get().result_int() == kTooEarly;
    if (too_early) {
      auto& channel = *tried.connected.channel;
      const bool usable =
          co_await skip_body(channel, tried.buffer, tried.answer, Clock::now() + request.deadline);
      if (usable) client.give_back(request.url, std::move(tried.connected.channel));
    }
    if (tried.connected.sent || too_early) early = false;
    if (!done || too_early) continue;
    if (const auto checked = check_switch(request.url, tried.answer, tried.key); !checked) {
      co_return checked.error();
    }
    const bool half_close = text_of(tried.answer, kHalfCloseHeader) == "1";
    request.resume_answered(text_of(tried.answer, tunnel::kResumeHeader));
    const std::span<const std::byte> ahead(static_cast<const std::byte*>(tried.buffer.data().data()),
                                           tried.buffer.size());
    co_return make_websocket_stream(std::move(tried.connected.channel), WsRole::client, half_close, ahead,
                                    request.times);
  }
}

}  // namespace cfpipe::transport
