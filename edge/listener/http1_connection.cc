#include "edge/listener/http1_connection.h"

#include <array>
#include <boost/beast/http/rfc7230.hpp>
#include <chrono>
#include <optional>
#include <utility>

#include "auth/connector/protocol.h"
#include "base/text.h"
#include "edge/http/request_rules.h"
#include "edge/http/responses.h"
#include "edge/tunnel/target.h"
#include "transport/http/message_io.h"
#include "transport/net/plain_channel.h"
#include "transport/websocket/handshake.h"
#include "transport/websocket/stream.h"

namespace cfpipe::edge {
namespace net = boost::asio;
namespace http = boost::beast::http;
namespace {

using Clock = std::chrono::steady_clock;

/// For how many bytes a refused client is still listened to.
constexpr std::size_t kMaxLingerBytes = 1024 * 1024;

/// The interim answer that a client waits for before it sends content (RFC 9110 15.2.1).
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

std::string_view view(boost::beast::string_view text) {
  return {text.data(), text.size()};
}

/// Of a head: the parser has it as well as the request.
std::size_t head_size(const Request& request) {
  std::size_t size = 0;
  for (const auto& [name, value] : request.headers) size += name.size() + value.size();
  return kRequestBytes + 2 * size;
}

std::string http1_head(const Answer& answer, const std::string& ray, bool keep_alive) {
  const auto reason = view(http::obsolete_reason(static_cast<http::status>(answer.status)));
  std::string out = "HTTP/1.1 " + std::to_string(answer.status) + " " + std::string(reason) + "\r\n";
  for (const auto& [name, value] : answer.headers) {
    if (fits_a_header(value)) out.append(name).append(": ").append(value).append("\r\n");
  }
  out += "Date: " + date_now() + "\r\nCf-Ray: " + ray +
         "\r\nContent-Length: " + std::to_string(answer.content().size()) + "\r\n";
  return out + (keep_alive ? "\r\n" : "Connection: close\r\n\r\n");
}

// RFC 6455 4.2.1: what makes a request a WebSocket's; anything it gets wrong is named in the answer. A
// protocol may be named with its version (RFC 9110 7.8).
bool wants_upgrade(const RequestHead& request, std::string_view protocol) {
  if (!http::token_list(request[http::field::connection]).exists("upgrade")) return false;
  const auto named = view(request[http::field::upgrade]);
  if (protocol.find('/') != std::string_view::npos) return same_text(named, protocol);
  return http::token_list(request[http::field::upgrade]).exists({protocol.data(), protocol.size()});
}

// A request that cannot be read; `too_large` is the status of one that has too much of something.
Answer unread(const Failure& failure, int too_large) {
  if (failure.cause == Cause::system_short) return overloaded();
  int status = 400;
  if (failure.cause == Cause::timed_out) status = 408;
  if (failure.cause == Cause::http_too_large) status = too_large;
  return plain(status, "the request cannot be read: " + failure.detail);
}

const char* handshake_fault(const RequestHead& request) {
  if (request.method() != http::verb::get || request.version() < 11)
    return "a WebSocket is opened with GET over HTTP/1.1";
  if (request["Sec-WebSocket-Version"] != transport::kWebSocketVersion) return kWrongVersion;
  if (!transport::is_websocket_key(view(request["Sec-WebSocket-Key"]))) return "no valid Sec-WebSocket-Key";
  return nullptr;
}

}  // namespace

Connection::Connection(net::ip::tcp::socket socket, transport::SslPtr ssl, ClientSource source,
                       const ConnectionContext& context)
    : context_(context),
      site_(context.site),
      timeouts_(context.timeouts),
      seat_(std::make_shared<IdleConnections::Seat>(context.idle, [this] { stop(false); })),
      held_(context.memory, kMaxRequestsHeld),
      input_(context.memory, kMaxRequestsHeld),
      source_(std::move(source)) {
  boost::system::error_code gone;
  socket.set_option(net::ip::tcp::no_delay(true), gone);
  if (ssl) {
    auto channel = std::make_unique<transport::TlsChannel>(std::move(socket), std::move(ssl));
    tls_ = channel.get();
    channel_ = std::move(channel);
  } else {
    channel_ = std::make_unique<transport::PlainChannel>(std::move(socket));
  }
}

void Connection::drain() {
  draining_ = true;
  if (h2_) h2_->drain();
  if (connector_) connector_->drain_soon();
}

void Connection::refuse_more() {
  if (h2_) h2_->refuse_more();
}

void Connection::stop(bool hard) {
  stopping_ = true;
  if (h2_) return h2_->stop(hard);
  if (connector_) return hard ? connector_->stop() : connector_->drain();
  if (hard && tunnel_) tunnel_->stop();
  if (channel_ && (hard || !carries_tunnel_)) channel_->close();
}

net::awaitable<void> Connection::run() {
  const auto self = shared_from_this();
  const bool shaken = co_await shake_hands();
  if (!shaken) co_return;
  const auto http2 = co_await chooses_http2();
  if (!http2) co_return;
  if (*http2) {
    co_await serve_http2();
    co_return;
  }
  co_await serve_http1();
  // What the requests needed has gone before: a tunnel may stay for days.
  if (upgraded_) co_await relay();
  if (reattached_) co_await carry_on();
  if (attached_) co_await serve_connector();
  if (!channel_) co_return;
  const bool proven = co_await prove();
  if (proven) channel_->close_notify();
}

// False: it failed.
net::awaitable<bool> Connection::shake_hands() {
  if (tls_ == nullptr) co_return true;
  const std::string peer = Host(source_.ends.client.address()).text();
  const auto shaken = co_await tls_->accept(timeouts_.handshake, peer);
  co_return shaken.has_value();
}

// Early data may be a replay (RFC 8446 8). The end of the handshake proves that it is not.
net::awaitable<bool> Connection::prove() {
  if (tls_ == nullptr || tls_->tls().established()) co_return true;
  const std::string peer = Host(source_.ends.client.address()).text();
  const auto done = co_await tls_->establish(timeouts_.handshake, peer);
  co_return done.has_value();
}

net::awaitable<void> Connection::serve_http1() {
  // g++ 12 miscompiles a co_await on the right of && in a loop's condition (it traps at the resumption).
  bool more = !stopping_;
  while (more) {
    const bool served = co_await serve_one();
    more = served && !stopping_;
  }
}

Request Connection::translate(const RequestHead& http) const {
  Request out;
  out.method = std::string(http.method_string());
  auto target = target_of(http);
  set_target(out, std::move(target.authority), target.path_and_query);
  for (const auto& field : http) out.headers.emplace_back(field.name_string(), field.value());
  out.ray = fresh_ray();
  return out;
}

// False: it has been refused, or there is none.
net::awaitable<bool> Connection::read_head(RequestParser& parser, Deadline deadline) {
  parser.header_limit(kMaxRequestHeaderBytes);
  parser.body_limit(boost::none);  // what is announced is looked at below
  const auto read =
      co_await transport::read_request_head(*channel_, input_.buffer(), parser, deadline, &input_.room());
  if (!read) {
    if (parser.got_some() || read.error().cause == Cause::system_short)
      co_await refuse(unread(read.error(), 431));
    co_return false;
  }
  Framing framing;
  if (const auto length = parser.content_length()) framing.content_length = *length;
  framing.chunked = parser.chunked();
  const auto fault = fault_of(parser.get(), framing);
  if (fault) co_await refuse(plain(fault->status, fault->why));
  co_return !fault;
}

// The same.
net::awaitable<bool> Connection::read_body(RequestParser& parser, Deadline deadline) {
  parser.body_limit(kMaxRequestBodyBytes);
  if (expects_continue(parser.get()) && input_.bytes().empty()) {
    const auto told = co_await transport::write_all(*channel_, kContinue, deadline);
    if (!told) co_return false;
  }
  const auto read =
      co_await transport::read_message<true>(*channel_, input_.buffer(), parser, deadline, &input_.room());
  if (!read) co_await refuse(unread(read.error(), 413));
  co_return read.has_value();
}

// True if another request may follow.
net::awaitable<bool> Connection::serve_one() {
  input_.shrink();
  MemoryCharge charge(held_);
  std::optional<RequestParser> parser(std::in_place);
  parser->get().body().charge = &charge;
  const auto deadline = std::exchange(first_until_, std::nullopt).value_or(Clock::now() + timeouts_.request);
  const bool headed = co_await read_head(*parser, deadline);
  if (!headed) co_return false;
  auto request = std::make_shared<Request>(translate(parser->get()));
  if (!charge.add(head_size(*request))) {
    co_await refuse(overloaded());
    co_return false;
  }
  if (auto refusal = name_client(*request, source_, context_.forwarding_faults)) {
    co_await reply(Asked(*request), std::move(*refusal), false);
    co_await linger();
    co_return false;
  }
  if (wants_upgrade(parser->get(), "websocket")) {
    co_await upgrade(*parser, request);
    co_return false;
  }
  if (wants_upgrade(parser->get(), auth::kConnectorProtocol))
    co_return co_await attach(*parser, std::move(request));
  if (!parser->is_done() && site_.reads_body(*request)) {
    const bool read = co_await read_body(*parser, deadline);
    if (!read) co_return false;
    request->body = std::move(parser->get().body().text);
  }
  // Where a body that is not read begins, no request can be found any more.
  const bool whole = parser->is_done();
  const bool keep_alive = whole && parser->get().keep_alive() && !stopping_ && !draining_;
  parser.reset();
  const bool more = co_await answer(std::move(request), charge, keep_alive);
  if (!whole) co_await linger();
  co_return more;
}

net::awaitable<bool> Connection::answer(std::shared_ptr<Request> request, MemoryCharge& charge,
                                        bool keep_alive) {
  // Only the request that opens a tunnel is worth a round trip; all others wait for the handshake (RFC 8470
  // 3).
  const bool proven = co_await prove();
  if (!proven) co_return false;
  Asked asked(*request);
  std::optional<IdleConnections::Busy> busy(seat_);
  Answer out = co_await site_.handle(std::move(request));
  busy.reset();
  charge.release();
  co_return co_await reply(std::move(asked), std::move(out), keep_alive);
}

net::awaitable<void> Connection::refuse(Answer answer) {
  input_.clear();  // nothing behind it is read as a request
  Asked unknown;
  unknown.ray = fresh_ray();
  co_await reply(std::move(unknown), std::move(answer), false);
  co_await linger();
}

// What the client is still sending is read and dropped: a close with unread input resets the connection, and
// the reset overtakes the answer.
net::awaitable<void> Connection::linger() {
  channel_->close_notify();
  if (tls_ != nullptr) {
    boost::system::error_code gone;
    tls_->socket().shutdown(net::ip::tcp::socket::shutdown_send, gone);
  }
  const auto deadline = Clock::now() + timeouts_.linger;
  std::array<std::byte, 16 * 1024> dropped;
  for (std::size_t total = 0; total < kMaxLingerBytes;) {
    std::size_t got = 0;
    const auto status = channel_->read(dropped, got);
    total += got;
    if (status == tunnel::IoStatus::ok) continue;
    if (status != tunnel::IoStatus::would_block) co_return;
    if (!co_await channel_->readable(deadline)) co_return;
  }
}

net::awaitable<bool> Connection::reply(Asked asked, Answer answer, bool keep_alive) {
  MemoryCharge waits(held_);
  if (!waits.add(answer.body.size() + buffered_of(answer))) answer = overloaded();
  std::string text = http1_head(answer, asked.ray, keep_alive);
  auto content = asked.head ? std::string_view() : answer.content();
  // A small one leaves with its head; a large one is sent from where it lies.
  if (content.size() <= kSmallBytes) text += std::exchange(content, {});
  const auto deadline = Clock::now() + timeouts_.request;
  auto written = co_await transport::write_all(*channel_, text, deadline, timeouts_.stall);
  if (written && !content.empty())
    written = co_await transport::write_all(*channel_, content, deadline, timeouts_.stall);
  co_return written.has_value() && keep_alive;
}

net::awaitable<void> Connection::upgrade(const RequestParser& parser, SharedRequest request) {
  const RequestHead& http = parser.get();
  const char* fault = parser.is_done() ? handshake_fault(http) : "a WebSocket is opened without content";
  if (fault != nullptr) {
    co_await reply(Asked(*request), handshake_refusal(fault), false);
    co_return;
  }
  const IdleConnections::Busy busy(seat_);
  auto verdict = co_await site_.upgrade(request);
  if (auto* refusal = std::get_if<Answer>(&verdict)) {
    co_await reply(Asked(*request), std::move(*refusal), false);
    co_return;
  }
  auto& grant = std::get<TunnelGrant>(verdict);
  const auto may_be_replay = [this] { return tls_ != nullptr && !tls_->tls().established(); };
  const ConnectionEnds ends = ends_for(*request, source_);
  if (asks_to_resume(*request)) {
    auto reattached = co_await reattach(site_, grant, request, may_be_replay());
    if (auto* refusal = std::get_if<Answer>(&reattached)) {
      co_await reply(Asked(*request), std::move(*refusal), false);
      co_return;
    }
    auto& found = std::get<Reattached>(reattached);
    const bool switched = co_await switch_to_tunnel(http, request->ray, found.answer);
    if (switched) reattached_ = std::make_unique<Reattached>(std::move(found));
    co_return;
  }
  auto connected = co_await grant.target->connect(grant, request, ends);
  if (auto* refusal = std::get_if<Answer>(&connected)) {
    co_await reply(Asked(*request), std::move(*refusal), false);
    co_return;
  }
  auto resumable = new_resumable(site_, grant, *request, channel_->executor());
  if (resumable) resumable->from_early_data = may_be_replay();
  const std::string resume = resumable ? text_of(resumable->opened()) : std::string();
  const bool switched = co_await switch_to_tunnel(http, request->ray, resume);
  if (!switched) co_return;
  upgraded_.reset(new Upgraded{std::get<std::unique_ptr<tunnel::Stream>>(std::move(connected)),
                               std::move(grant), std::move(request), half_close_, std::move(resumable)});
}

// False: the client has gone.
net::awaitable<bool> Connection::switch_to_tunnel(const RequestHead& http, const std::string& ray,
                                                  const std::string& resume) {
  std::string head =
      "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: "
      "websocket\r\nSec-WebSocket-Accept: " +
      transport::websocket_accept(view(http["Sec-WebSocket-Key"])) + "\r\nCf-Ray: " + ray + "\r\n";
  half_close_ = http[transport::kHalfCloseHeader] == "1";
  if (half_close_) head += std::string(transport::kHalfCloseHeader) + ": 1\r\n";
  if (!resume.empty()) head += std::string(tunnel::kResumeHeader) + ": " + resume + "\r\n";
  head += "\r\n";
  const auto written = co_await transport::write_all(*channel_, head, Clock::now() + timeouts_.request);
  if (!written) co_return false;
  carries_tunnel_ = true;
  busy_with_tunnel_.emplace(seat_);
  co_return true;
}

net::awaitable<void> Connection::relay() {
  tls_ = nullptr;  // goes with the channel
  tunnel_ = make_relay(*upgraded_, std::move(channel_), input_.bytes());
  input_.clear();
  co_await run_relay(site_, std::move(upgraded_), *tunnel_);
}

net::awaitable<void> Connection::carry_on() {
  tls_ = nullptr;  // goes with the channel
  const auto executor = channel_->executor();
  auto client = transport::make_websocket_stream(std::move(channel_), transport::WsRole::server, half_close_,
                                                 input_.bytes());
  input_.clear();
  auto found = std::move(*reattached_);
  reattached_.reset();
  co_await edge::carry_on(std::move(found), std::move(client), executor);
}

}  // namespace cfpipe::edge
