#include "connector/tunnel/tunnel_server.h"

#include <boost/asio/post.hpp>
#include <chrono>
#include <optional>
#include <utility>
#include <variant>

#include "base/log.h"
#include "base/scope_exit.h"
#include "connector/tunnel/spawn.h"
#include "transport/net/channel_stream.h"
#include "tunnel/relay.h"

namespace cfpipe::connector {
namespace net = boost::asio;
using auth::OriginFault;
namespace {

/// Longest authority in a line of the log, in bytes.
constexpr std::size_t kShownAuthority = 300;

// Statuses of an answer (RFC 9110 15).
constexpr int kBadRequest = 400;
constexpr int kForbidden = 403;
constexpr int kMethodNotAllowed = 405;
constexpr int kNotImplemented = 501;
constexpr int kBadGateway = 502;
constexpr int kUnavailable = 503;

int status_of(OriginFault fault) {
  switch (fault) {
    case OriginFault::not_allowed:
      return kForbidden;
    case OriginFault::short_of:
    case OriginFault::draining:
      return kUnavailable;
    default:
      return kBadGateway;
  }
}

void answer(transport::H2Stream& stream, int status, std::string_view fault = {}) {
  transport::H2Head head{{":status", std::to_string(status)}};
  if (!fault.empty()) head.emplace_back(auth::kFaultField, std::string(fault));
  stream.respond(head, true);
}

std::string reason_of(const tunnel::Outcome& outcome, const char* asker) {
  const bool given_up = outcome.far == tunnel::End::clean && outcome.near == tunnel::End::open;
  const std::string why = outcome.detail.empty() ? "" : ": " + outcome.detail;
  if (given_up || outcome.far == tunnel::End::cut) return std::string(asker) + " broke it off" + why;
  if (outcome.near == tunnel::End::cut || outcome.near == tunnel::End::local)
    return "the origin broke it off" + why;
  return "both sides ended it";
}

}  // namespace

/// What the edge asked for.
struct TunnelServer::Request {
  std::unique_ptr<transport::H2Stream> stream;
  Authority origin;
  std::string subject;
  std::string client;
  std::string text;  ///< for the log
};

struct TunnelServer::Tunnel {
  Tunnel(const net::any_io_executor& executor, std::unique_ptr<tunnel::Stream> o,
         std::unique_ptr<tunnel::Stream> e, std::string t)
      : origin(std::move(o)), edge(std::move(e)), text(std::move(t)), relay(executor, *origin, *edge) {}
  std::unique_ptr<tunnel::Stream> origin;
  std::unique_ptr<tunnel::Stream> edge;
  std::string text;
  std::shared_ptr<const void> counted;  ///< null: the edge has asked for it
  tunnel::Relay relay;
  tunnel::Outcome outcome;
};

TunnelServer::TunnelServer(net::any_io_executor executor, std::shared_ptr<const TunnelRules> rules)
    : executor_(std::move(executor)), rules_(std::move(rules)) {}

TunnelServer::~TunnelServer() = default;

template <class... Parts>
void TunnelServer::log(const char* form, const Parts&... parts) {
  if (!log_budget_.take(std::chrono::steady_clock::now())) return;
  if (const auto left_out = log_budget_.left_out(); left_out > 0)
    spdlog::warn("{} lines about tunnels were left out", left_out);
  spdlog::info(fmt::runtime(form), parts...);
}

void TunnelServer::serve(std::unique_ptr<transport::H2Stream> stream) {
  if (stream->closed()) return;  // the edge has given it up already: no origin hears of it
  if (stream->oversized()) return answer(*stream, kBadRequest);
  if (stream->field(":method") != "CONNECT") return answer(*stream, kMethodNotAllowed);
  if (!stream->field(":protocol").empty()) return answer(*stream, kNotImplemented);
  const std::string_view asked = stream->field(":authority");
  auto origin = Authority::parse(asked);
  if (!origin || !origin->port) return answer(*stream, kBadRequest);
  const auto request = std::make_shared<Request>();
  request->origin = std::move(*origin);
  request->subject = printable(stream->field(auth::kSubjectField), kMaxSubjectBytes);
  request->client = printable(stream->field(auth::kClientField), kMaxClientBytes);
  request->text = "tunnel to " + printable(request->origin.text(), kShownAuthority) +
                  (request->subject.empty() ? "" : " for " + request->subject) +
                  (request->client.empty() ? "" : " from " + request->client);
  request->stream = std::move(stream);
  open(request);
}

void TunnelServer::serve(net::ip::tcp::socket socket, const Authority& origin) {
  boost::system::error_code gone;
  const auto peer = socket.remote_endpoint(gone);
  auto text = "connection from " + Host(peer.address()).text() + " to " + origin.text();
  auto counted = count_fronted(text);
  if (!counted) return;
  auto client = stream_of(executor_, std::move(socket));
  if (!client) return;
  auto leading = lead(std::move(client), origin, std::move(text), std::move(counted));
  spawn(executor_, std::move(leading));
}

net::awaitable<void> TunnelServer::lead(std::unique_ptr<tunnel::Stream> client, Authority origin,
                                        std::string text, std::shared_ptr<const void> counted) {
  const auto self = shared_from_this();
  auto reached = co_await dial(std::move(origin), text);
  if (reached) join(std::move(reached), std::move(client), std::move(text), std::move(counted));
}

std::shared_ptr<const void> TunnelServer::count_fronted(std::string_view text) {
  if (draining_ || *fronted_ >= kMaxFronted) {
    refuse(text, draining_ ? OriginFault::draining : OriginFault::short_of);
    return nullptr;
  }
  ++*fronted_;
  return {fronted_.get(), [count = fronted_](const void*) { --*count; }};
}

net::awaitable<std::unique_ptr<tunnel::Stream>> TunnelServer::dial(Authority origin, std::string text) {
  const auto self = shared_from_this();
  if (draining_ || dials_ >= kMaxDials) {
    refuse(text, draining_ ? OriginFault::draining : OriginFault::short_of);
    co_return nullptr;
  }
  ++dials_;
  const ScopeExit done([this] {
    --dials_;
    settle();
  });
  auto dialled = co_await dial_origin(rules_, std::move(origin), std::string());
  if (const auto* fault = std::get_if<OriginFault>(&dialled)) {
    refuse(text, *fault);
    co_return nullptr;
  }
  if (cut_) co_return nullptr;
  co_return stream_of(executor_, std::move(std::get<net::ip::tcp::socket>(dialled)));
}

void TunnelServer::open(std::shared_ptr<Request> request) {
  if (draining_) return refuse(*request, OriginFault::draining);
  if (dials_ >= kMaxDials) return refuse(*request, OriginFault::short_of);
  ++dials_;
  auto opening = open_tunnel(request);
  spawn(executor_, std::move(opening), [self = shared_from_this()] {
    --self->dials_;
    self->settle();
  });
}

net::awaitable<void> TunnelServer::open_tunnel(std::shared_ptr<Request> request) {
  const auto self = shared_from_this();
  auto dialled = co_await dial_origin(rules_, request->origin, request->subject);
  // A stream that the edge has given up meanwhile takes its origin's connection with it.
  if (cut_ || request->stream->closed()) co_return;
  if (const auto* fault = std::get_if<OriginFault>(&dialled)) co_return refuse(*request, *fault);
  carry(*request, std::move(std::get<net::ip::tcp::socket>(dialled)));
}

void TunnelServer::refuse(std::string_view text, OriginFault fault) {
  ++counts_.refused[static_cast<std::size_t>(fault)];
  log("{}: not opened: {}", text, auth::words_for(fault));
}

void TunnelServer::refuse(Request& request, OriginFault fault) {
  refuse(request.text, fault);
  answer(*request.stream, status_of(fault), auth::name_of(fault));
}

void TunnelServer::carry(Request& request, net::ip::tcp::socket socket) {
  auto origin = stream_of(executor_, std::move(socket));
  if (!origin) return refuse(request, OriginFault::unreachable);
  if (!request.stream->respond({{":status", "200"}}, false)) return;
  join(std::move(origin), transport::make_channel_stream(std::move(request.stream)), std::move(request.text),
       nullptr);
}

void TunnelServer::join(std::unique_ptr<tunnel::Stream> origin, std::unique_ptr<tunnel::Stream> client,
                        std::string text, std::shared_ptr<const void> counted) {
  if (cut_) return;
  ++counts_.opened;
  log("{}: open", text);
  const std::uint64_t id = next_id_++;
  auto made = std::make_unique<Tunnel>(executor_, std::move(origin), std::move(client), std::move(text));
  made->counted = std::move(counted);
  Tunnel& tunnel = *tunnels_.emplace(id, std::move(made)).first->second;
  tunnel.relay.start([this, id](const tunnel::Outcome& outcome) {
    tunnels_.at(id)->outcome = outcome;
    // Not from within the relay, which goes with the tunnel.
    net::post(executor_, [weak = weak_from_this(), id] {
      if (const auto self = weak.lock()) self->ended(id);
    });
  });
}

void TunnelServer::ended(std::uint64_t id) {
  const auto found = tunnels_.find(id);
  if (found == tunnels_.end()) return;  // it was cut
  const Tunnel& tunnel = *found->second;
  counts_.to_origins += tunnel.outcome.far_to_near;
  counts_.from_origins += tunnel.outcome.near_to_far;
  log("{}: ended after {} bytes to the origin and {} from it: {}", tunnel.text, tunnel.outcome.far_to_near,
      tunnel.outcome.near_to_far, reason_of(tunnel.outcome, tunnel.counted ? "the client" : "the edge"));
  tunnels_.erase(found);
  settle();
}

void TunnelServer::drain(std::function<void()> idle) {
  draining_ = true;
  idle_ = std::move(idle);
  settle();
}

void TunnelServer::settle() {
  if (draining_ && open() == 0 && idle_) net::post(executor_, std::exchange(idle_, nullptr));
}

TunnelCounts TunnelServer::counts() const {
  TunnelCounts out = counts_;
  for (const auto& [id, tunnel] : tunnels_) {
    out.to_origins += tunnel->relay.far_to_near();
    out.from_origins += tunnel->relay.near_to_far();
  }
  return out;
}

void TunnelServer::cut() {
  cut_ = true;
  if (!tunnels_.empty()) spdlog::warn("{} tunnels are cut", tunnels_.size());
  tunnels_.clear();
  settle();
}

}  // namespace cfpipe::connector
