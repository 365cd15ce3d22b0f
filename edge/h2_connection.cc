#include "edge/h2_connection.h"

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <optional>
#include <utility>

#include "edge/answers.h"
#include "edge/request_rules.h"
#include "edge/run_all.h"
#include "edge/server.h"
#include "transport/http_io.h"
#include "transport/websocket_handshake.h"

namespace cfpipe::edge {
namespace net = boost::asio;
using tunnel::IoStatus;
namespace {

using Clock = std::chrono::steady_clock;

/// Body bytes read at once.
constexpr std::size_t kReadStep = 16 * 1024;

transport::H2Times server_times(const Patience& patience) {
  transport::H2Times times;
  times.idle = patience.h2_idle;
  return times;
}

// What is about the connection and not the message has no place in HTTP/2 (RFC 9113 8.2.2).
bool is_of_the_connection(std::string_view name) {
  return name == "connection" || name == "keep-alive" || name == "transfer-encoding" || name == "upgrade";
}

std::size_t size_of(const transport::H2Head& head) {
  std::size_t size = 0;
  for (const auto& [name, value] : head) size += sizeof(head.front()) + name.size() + value.size();
  return size;
}

transport::H2Head head_of(const Answer& answer, const std::string& ray) {
  transport::H2Head head = {{":status", std::to_string(answer.status)}};
  for (const auto& [name, value] : answer.headers) {
    auto key = lower(name);
    if (fits_a_header(value) && !is_of_the_connection(key)) head.emplace_back(std::move(key), value);
  }
  head.emplace_back("date", date_now());
  head.emplace_back("cf-ray", ray);
  head.emplace_back("content-length", std::to_string(answer.body.size()));
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

H2Connection::H2Connection(std::unique_ptr<transport::TlsChannel> channel, const ConnectionContext& context,
                           const ConnectionEnds& ends, std::shared_ptr<IdleConnections::Seat> seat)
    : connection_(transport::H2Connection::start(std::move(channel), transport::H2Role::server,
                                                 server_times(context.patience))),
      site_(context.site),
      patience_(context.patience),
      ends_(ends),
      seat_(std::move(seat)),
      hold_(context.memory, kH2ConnectionBytes),
      requests_(context.memory, kMaxRequestsHeld),
      answers_(context.memory, kMaxAnswersHeld),
      peer_(transport::Host(ends.client.address()).text()),
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

void H2Connection::stop(bool hard) {
  for (auto& tunnel : tunnels_) tunnel.stop(hard);
  if (hard || tunnels_.empty()) return connection_->close();
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
  out.peer = peer_;
  out.ray = fresh_ray();
  return out;
}

net::awaitable<void> H2Connection::serve(std::unique_ptr<Stream> stream) {
  const auto self = shared_from_this();
  const Served served(*this);
  MemoryCharge charge(requests_);
  const bool fits = charge.add(kRequestBytes + size_of(stream->head()));
  // Before the head is moved into the request.
  const auto fault = fault_of(*stream);
  const auto request = std::make_shared<Request>(translate(*stream));
  if (!fits) {
    request->headers = {};
    co_await reply(*stream, *request, overloaded());
    co_return;
  }
  if (fault) {
    co_await reply(*stream, *request, plain(fault->status, fault->why));
    co_return;
  }
  if (request->method == "CONNECT") {
    co_await tunnel(std::move(stream), request, charge);
    co_return;
  }
  co_await answer(*stream, request, charge);
}

net::awaitable<void> H2Connection::answer(Stream& stream, std::shared_ptr<Request> request,
                                          MemoryCharge& charge) {
  const bool read = co_await read_body(stream, *request, charge);
  if (!read) co_return;
  std::optional<IdleConnections::Busy> busy(seat_);
  Answer out = co_await site_.handle(request);
  busy.reset();
  charge.release();
  co_await reply(stream, *request, std::move(out));
}

// False: it has been refused, or the client is gone.
net::awaitable<bool> H2Connection::read_body(Stream& stream, Request& request, MemoryCharge& charge) {
  const auto deadline = Clock::now() + patience_.request;
  std::array<std::byte, kReadStep> room;
  for (bool waits = !request.header("Expect").empty();;) {
    std::size_t got = 0;
    const auto status = stream.read(room, got);
    if (status == IoStatus::eof) co_return true;
    if (status == IoStatus::failed) co_return false;
    if (status == IoStatus::would_block) {
      if (std::exchange(waits, false) && !stream.respond({{":status", "100"}}, false)) co_return false;
      const bool more = co_await stream.readable(deadline);
      if (more) continue;
      if (!stream.closed())
        co_await reply(stream, request, plain(408, "the request cannot be read: too slow"));
      co_return false;
    }
    if (!charge.add(got)) {
      co_await reply(stream, request, overloaded());
      co_return false;
    }
    request.body.append(reinterpret_cast<const char*>(room.data()), got);
    if (request.body.size() > kMaxRequestBodyBytes) {
      co_await reply(stream, request, plain(413, "the request cannot be read: its body is too large"));
      co_return false;
    }
  }
}

net::awaitable<void> H2Connection::reply(Stream& stream, const Request& request, Answer answer) {
  MemoryCharge waits(answers_);
  // A write of which the window lets a part through holds the rest.
  if (!waits.add(answer.body.size() + std::min(answer.body.size(), transport::kWriteStep)))
    answer = overloaded();
  const bool bodiless = request.method == "HEAD" || answer.body.empty();
  if (!stream.respond(head_of(answer, request.ray), bodiless)) co_return;
  const auto deadline = Clock::now() + patience_.request;
  if (!bodiless) {
    const auto written = co_await transport::write_all(stream, answer.body, deadline, patience_.stall);
    if (!written) co_return;
  }
  while (stream.close_notify() == IoStatus::would_block) {
    const bool more = co_await stream.writable(std::min(deadline, Clock::now() + patience_.stall));
    if (!more) co_return;
  }
}

net::awaitable<void> H2Connection::tunnel(std::unique_ptr<Stream> stream, SharedRequest request,
                                          MemoryCharge& charge) {
  if (request->header("Sec-WebSocket-Version") != transport::kWebSocketVersion) {
    co_await reply(*stream, *request, handshake_refusal(kWrongVersion));
    co_return;
  }
  const bool half_close = request->header(transport::kHalfCloseHeader) == "1";
  const IdleConnections::Busy busy(seat_);
  auto verdict = co_await site_.upgrade(request);
  if (auto* refusal = std::get_if<Answer>(&verdict)) {
    co_await reply(*stream, *request, std::move(*refusal));
    co_return;
  }
  auto& grant = std::get<TunnelGrant>(verdict);
  auto dialled = co_await reach(grant, request, ends_);
  if (auto* refusal = std::get_if<Answer>(&dialled)) {
    co_await reply(*stream, *request, std::move(*refusal));
    co_return;
  }
  transport::H2Head head = {{":status", "200"}, {"cf-ray", request->ray}};
  if (half_close) head.emplace_back(lower(transport::kHalfCloseHeader), "1");
  if (!stream->respond(head, false)) co_return;
  connection_->widen();
  charge.release();
  std::unique_ptr<Upgraded> upgraded(new Upgraded{std::get<OriginSocket>(std::move(dialled)),
                                                  std::move(grant), std::move(request), half_close});
  const auto entry = tunnels_.emplace(tunnels_.end());
  const auto remove = std::shared_ptr<void>(nullptr, [this, entry](void*) { tunnels_.erase(entry); });
  std::vector<std::byte> nothing;
  co_await relay_tunnel(site_, std::move(upgraded), std::move(stream), std::move(nothing), *entry);
}

}  // namespace cfpipe::edge
