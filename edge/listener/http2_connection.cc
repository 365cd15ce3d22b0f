#include "edge/listener/http2_connection.h"

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <optional>
#include <span>
#include <utility>

#include "auth/connector/protocol.h"
#include "base/access_headers.h"
#include "base/scope_exit.h"
#include "base/text.h"
#include "edge/http/request_rules.h"
#include "edge/http/responses.h"
#include "edge/limits/run_all.h"
#include "edge/listener/resuming.h"
#include "edge/tunnel/target.h"
#include "transport/http/message_io.h"
#include "transport/websocket/handshake.h"
#include "transport/websocket/stream.h"

namespace cfpipe::edge {
namespace net = boost::asio;
using tunnel::IoStatus;
namespace {

using Clock = std::chrono::steady_clock;

/// Body bytes read at once.
constexpr std::size_t kReadStep = 16 * 1024;
/// Clients whose frames without content a proxy's connection may carry.
constexpr double kClientsOfAProxy = 100;
/// And written at least, so that a narrow window does not make small frames of an answer.
constexpr std::size_t kLeastWrite = 1024;

transport::H2Times server_times(const Timeouts& timeouts) {
  transport::H2Times times;
  times.idle = timeouts.h2_idle;
  return times;
}

// The connection of a proxy that ends the protocol carries many clients, which have one each otherwise.
transport::H2NuisanceBudget budget_of(const ClientSource& source) {
  const bool shared = source.proxies && !source.proxies->proxy_protocol;
  return transport::H2NuisanceBudget(shared ? kClientsOfAProxy : 1);
}

// What is about the connection and not the message has no place in HTTP/2 (RFC 9113 8.2.2).
bool is_of_the_connection(std::string_view name) {
  return name == "connection" || name == "keep-alive" || name == "transfer-encoding" || name == "upgrade";
}

// A connection of a connector is HTTP/2 itself, with the edge as the client, and fits no stream of another
// one.
Answer no_connector() {
  const char* why = "a connector attaches over HTTP/1.1, which the proxy in front has to speak for it";
  Answer out = text_answer(400, why);
  out.headers.emplace_back(kReasonHeader, why);
  return out;
}

std::size_t h2_head_size(const transport::H2Head& head) {
  std::size_t size = 0;
  for (const auto& [name, value] : head) size += sizeof(head.front()) + name.size() + value.size();
  return size;
}

transport::H2Head http2_head(const Answer& answer, const std::string& ray) {
  transport::H2Head head = {{":status", std::to_string(answer.status)}};
  for (const auto& [name, value] : answer.headers) {
    auto key = lower(name);
    if (fits_a_header(value) && !is_of_the_connection(key)) head.emplace_back(std::move(key), value);
  }
  head.emplace_back("date", date_now());
  head.emplace_back("cf-ray", ray);
  head.emplace_back("content-length", std::to_string(answer.content().size()));
  return head;
}

}  // namespace

// Counts what is served, and wakes run() when the last is through.
class H2Connection::Served {
 public:
  explicit Served(H2Connection& all) : all_(all) { ++all_.served_; }
  ~Served() {
    if (--all_.served_ == 0) all_.idle_.cancel();
  }
  Served(const Served&) = delete;
  Served& operator=(const Served&) = delete;

 private:
  H2Connection& all_;
};

H2Connection::H2Connection(std::unique_ptr<transport::SocketChannel> channel,
                           const ConnectionContext& context, const ClientSource& source,
                           std::shared_ptr<IdleConnections::Seat> seat, std::span<const std::byte> early)
    : connection_(transport::H2Connection::start(std::move(channel), transport::H2Role::server,
                                                 server_times(context.timeouts), early, budget_of(source))),
      site_(context.site),
      timeouts_(context.timeouts),
      source_(source),
      forwarding_faults_(context.forwarding_faults),
      seat_(std::move(seat)),
      hold_(context.memory, kH2ConnectionBytes),
      requests_(context.memory, kMaxRequestsHeld),
      answers_(context.memory, kMaxAnswersHeld),
      output_(context.memory, kMaxAnswersHeld),
      idle_(connection_->executor()) {}

net::awaitable<void> H2Connection::run() {
  const auto self = shared_from_this();
  connection_->on_request([this](std::unique_ptr<Stream> stream) { spawn(std::move(stream)); });
  co_await connection_->until_over();
  connection_->on_request({});
  while (served_ > 0) {
    idle_.expires_at(Clock::time_point::max());
    co_await idle_.async_wait(net::as_tuple(net::use_awaitable));
  }
}

void H2Connection::drain() {
  connection_->announce_end();
}

void H2Connection::refuse_more() {
  connection_->drain();
}

// Tunnels tell their clients, and the connection is over with the last of them.
void H2Connection::stop(bool hard) {
  if (hard) {
    for (const auto& tunnel : tunnels_) tunnel->stop();
  }
  if (tunnels_.empty() && resumed_ == 0) return connection_->close();
  connection_->drain();
}

void H2Connection::spawn(std::unique_ptr<Stream> stream) {
  net::co_spawn(connection_->executor(), serve(std::move(stream)),
                [self = shared_from_this()](const std::exception_ptr& error) {
                  if (error) log_exception("a request", error);
                });
}

// Takes the head from the stream: there is one copy of what may be large.
Request H2Connection::translate(Stream& stream) const {
  Request out;
  out.method = stream.field(":method");
  const auto authority = stream.field(":authority");
  set_target(out, std::string(authority.empty() ? stream.field("host") : authority),
             std::string(stream.field(":path")));
  out.headers = stream.take_head();
  std::erase_if(out.headers, [](const auto& field) { return field.first.starts_with(':'); });
  out.ray = fresh_ray();
  return out;
}

net::awaitable<void> H2Connection::serve(std::unique_ptr<Stream> stream) {
  const auto self = shared_from_this();
  const Served served(*this);
  MemoryCharge charge(requests_);
  const bool fits = charge.add(kRequestBytes + h2_head_size(stream->head()));
  // Before the head is moved into the request.
  const bool attaches = stream->field(":protocol") == auth::kConnectorProtocol;
  const auto fault = fault_of(*stream);
  auto request = std::make_shared<Request>(translate(*stream));
  if (!fits) {
    request->headers = {};
    co_await reply(*stream, Asked(*request), overloaded());
    co_return;
  }
  if (attaches) {
    co_await reply(*stream, Asked(*request), no_connector());
    co_return;
  }
  if (fault) {
    co_await reply(*stream, Asked(*request), plain(fault->status, fault->why));
    co_return;
  }
  if (auto refusal = name_client(*request, source_, forwarding_faults_)) {
    co_await reply(*stream, Asked(*request), std::move(*refusal));
    co_return;
  }
  if (request->method == "CONNECT") {
    co_await tunnel(std::move(stream), std::move(request), charge);
    co_return;
  }
  co_await answer(*stream, std::move(request), charge);
}

net::awaitable<void> H2Connection::answer(Stream& stream, std::shared_ptr<Request> request,
                                          MemoryCharge& charge) {
  if (site_.reads_body(*request)) {
    const bool read = co_await read_body(stream, *request, charge);
    if (!read) co_return;
  } else {
    stream.discard();
  }
  Asked asked(*request);
  std::optional<IdleConnections::Busy> busy(seat_);
  Answer out = co_await site_.handle(std::move(request));
  busy.reset();
  charge.keep(kRequestBytes);
  co_await reply(stream, std::move(asked), std::move(out));
}

namespace {

// Moves what has come of a body into the request. ok: it is refused. No coroutine: it has room of its own,
// and what waits for a body has none.
IoStatus take_in(transport::H2Stream& stream, std::string& body, MemoryCharge& charge,
                 std::optional<Answer>& refusal) {
  std::array<std::byte, kReadStep> room;
  while (!refusal) {
    std::size_t got = 0;
    const auto status = stream.read(room, got);
    if (status != IoStatus::ok) return status;
    if (!charge.add(got)) {
      refusal = overloaded();
    } else if (body.size() + got > kMaxRequestBodyBytes) {
      refusal = plain(413, "the request cannot be read: its body is too large");
    } else {
      body.append(reinterpret_cast<const char*>(room.data()), got);
    }
  }
  return IoStatus::ok;
}

}  // namespace

// False: it has been refused, or the client is gone.
net::awaitable<bool> H2Connection::read_body(Stream& stream, Request& request, MemoryCharge& charge) {
  const auto deadline = Clock::now() + timeouts_.request;
  for (bool waits = !request.header("Expect").empty();;) {
    std::optional<Answer> refusal;
    const auto status = take_in(stream, request.body, charge, refusal);
    if (status == IoStatus::eof) co_return true;
    if (status == IoStatus::failed) co_return false;
    if (status == IoStatus::would_block) {
      if (std::exchange(waits, false) && !stream.respond({{":status", "100"}}, false)) co_return false;
      const bool more = co_await stream.readable(deadline);
      if (more) continue;
      if (stream.closed()) co_return false;
      refusal = plain(408, "the request cannot be read: too slow");
    }
    co_await reply(stream, Asked(request), std::move(*refusal));
    co_return false;
  }
}

// One charge for all large answers that leave at once: they share the connection's output buffer. Null: no
// memory for it.
std::shared_ptr<MemoryCharge> H2Connection::share_of_output(const Answer& answer) {
  const auto bytes = buffered_of(answer);
  auto share = bytes > 0 ? wire_charge_.lock() : nullptr;
  if (share) return share;
  share = std::make_shared<MemoryCharge>(output_);
  if (!share->add(bytes)) return nullptr;
  if (bytes > 0) wire_charge_ = share;
  return share;
}

net::awaitable<void> H2Connection::reply(Stream& stream, Asked asked, Answer answer) {
  stream.discard();
  MemoryCharge waits(answers_);
  const auto output = share_of_output(answer);
  if (!output || !waits.add(answer.body.size())) answer = overloaded();
  const bool bodiless = asked.head || answer.content().empty();
  if (!stream.respond(http2_head(answer, asked.ray), bodiless)) co_return;
  const auto deadline = Clock::now() + timeouts_.request;
  if (!bodiless) {
    const bool written = co_await write(stream, answer.content(), deadline);
    if (!written) co_return;
  }
  while (stream.close_notify() == IoStatus::would_block) {
    const bool more = co_await stream.writable(std::min(deadline, Clock::now() + timeouts_.stall));
    if (!more) co_return;
  }
}

// Offers what windows and the output buffer take: what they do not would be copied, once for each stream.
net::awaitable<bool> H2Connection::write(Stream& stream, std::string_view content,
                                         Clock::time_point deadline) {
  for (;;) {
    auto status = stream.flush();
    if (status == IoStatus::ok) {
      if (content.empty()) co_return true;
      const auto step = content.substr(0, std::clamp(stream.room(), kLeastWrite, transport::kWriteStep));
      status = stream.write(std::as_bytes(std::span(step)));
      if (status == IoStatus::ok) content.remove_prefix(step.size());
    }
    if (status == IoStatus::ok) continue;
    if (status != IoStatus::would_block) co_return false;
    const bool more = co_await stream.writable(std::min(deadline, Clock::now() + timeouts_.stall));
    if (!more) co_return false;
  }
}

net::awaitable<void> H2Connection::tunnel(std::unique_ptr<Stream> stream, SharedRequest request,
                                          MemoryCharge& charge) {
  if (request->header("Sec-WebSocket-Version") != transport::kWebSocketVersion) {
    co_await reply(*stream, Asked(*request), handshake_refusal(kWrongVersion));
    co_return;
  }
  const bool half_close = request->header(transport::kHalfCloseHeader) == "1";
  const IdleConnections::Busy busy(seat_);
  auto verdict = co_await site_.upgrade(request);
  if (auto* refusal = std::get_if<Answer>(&verdict)) {
    co_await reply(*stream, Asked(*request), std::move(*refusal));
    co_return;
  }
  auto& grant = std::get<TunnelGrant>(verdict);
  if (asks_to_resume(*request)) {
    co_await carry_on(std::move(stream), std::move(request), std::move(grant), charge);
    co_return;
  }
  const ConnectionEnds ends = ends_for(*request, source_);
  auto connected = co_await grant.target->connect(grant, request, ends);
  if (auto* refusal = std::get_if<Answer>(&connected)) {
    co_await reply(*stream, Asked(*request), std::move(*refusal));
    co_return;
  }
  transport::H2Head head = {{":status", "200"}, {"cf-ray", request->ray}};
  if (half_close) head.emplace_back(lower(transport::kHalfCloseHeader), "1");
  auto resumable = new_resumable(site_, grant, *request, connection_->executor());
  if (resumable) head.emplace_back(lower(tunnel::kResumeHeader), text_of(resumable->opened()));
  if (!stream->respond(head, false)) co_return;
  connection_->widen();
  charge.release();
  std::unique_ptr<Upgraded> upgraded(
      new Upgraded{std::get<std::unique_ptr<tunnel::Stream>>(std::move(connected)), std::move(grant),
                   std::move(request), half_close, std::move(resumable)});
  const auto entry = tunnels_.insert(tunnels_.end(), make_relay(*upgraded, std::move(stream), {}));
  const auto remove = std::shared_ptr<void>(nullptr, [this, entry](void*) { tunnels_.erase(entry); });
  co_await run_relay(site_, std::move(upgraded), **entry);
}

// A tunnel whose connection was lost. When the edge ends, the connection that opened it tells the client.
net::awaitable<void> H2Connection::carry_on(std::unique_ptr<Stream> stream, SharedRequest request,
                                            TunnelGrant grant, MemoryCharge& charge) {
  constexpr bool kMayBeReplay = false;  // the handshake was finished before this protocol began
  auto reattached = co_await reattach(site_, grant, request, kMayBeReplay);
  if (auto* refusal = std::get_if<Answer>(&reattached)) {
    co_await reply(*stream, Asked(*request), std::move(*refusal));
    co_return;
  }
  auto& found = std::get<Reattached>(reattached);
  const bool half_close = request->header(transport::kHalfCloseHeader) == "1";
  transport::H2Head head = {{":status", "200"}, {"cf-ray", request->ray}};
  if (half_close) head.emplace_back(lower(transport::kHalfCloseHeader), "1");
  head.emplace_back(lower(tunnel::kResumeHeader), found.answer);
  if (!stream->respond(head, false)) co_return;
  connection_->widen();
  charge.release();
  auto client =
      transport::make_websocket_stream(std::move(stream), transport::WsRole::server, half_close, {});
  ++resumed_;
  const ScopeExit no_more([this] { --resumed_; });
  co_await edge::carry_on(std::move(found), std::move(client), connection_->executor());
}

}  // namespace cfpipe::edge
