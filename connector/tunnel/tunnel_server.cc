#include "connector/tunnel/tunnel_server.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <exception>
#include <optional>
#include <utility>
#include <variant>

#include "base/log.h"
#include "base/scope_exit.h"
#include "transport/net/channel_stream.h"
#include "transport/net/tcp_socket.h"
#include "tunnel/fd_stream.h"
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
  if (given_up || outcome.far == tunnel::End::cut) return std::string(asker) + " broke it off";
  if (outcome.near == tunnel::End::cut || outcome.near == tunnel::End::local)
    return "the origin broke it off" + (outcome.detail.empty() ? "" : ": " + outcome.detail);
  return "both sides ended it";
}

}  // namespace

/// What the edge asked for, or a connection that was taken here.
struct TunnelServer::Request {
  std::unique_ptr<transport::H2Stream> stream;  ///< null: `taken` is one
  std::optional<net::ip::tcp::socket> taken;
  std::shared_ptr<const void> counted;  ///< of a connection that was taken here: counts it
  bool given_up() const { return stream && stream->closed(); }
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
  std::shared_ptr<const void> counted;  ///< as the request's
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
  const auto request = std::make_shared<Request>();
  request->origin = origin;
  boost::system::error_code gone;
  const auto peer = socket.remote_endpoint(gone);
  request->text = "connection from " + Host(peer.address()).text() + " to " + origin.text();
  request->taken.emplace(std::move(socket));
  if (*fronted_ >= kMaxFronted) return refuse(*request, OriginFault::short_of);
  ++*fronted_;
  request->counted = std::shared_ptr<const void>(nullptr, [count = fronted_](const void*) { --*count; });
  open(request);
}

void TunnelServer::open(std::shared_ptr<Request> request) {
  if (draining_) return refuse(*request, OriginFault::draining);
  if (dials_ >= kMaxDials) return refuse(*request, OriginFault::short_of);
  ++dials_;
  auto opening = open_tunnel(request);
  net::co_spawn(executor_, std::move(opening), [self = shared_from_this()](const std::exception_ptr& thrown) {
    if (thrown) spdlog::error("a tunnel could not be opened: the system is short of memory or descriptors");
    --self->dials_;
    self->settle();
  });
}

net::awaitable<void> TunnelServer::open_tunnel(std::shared_ptr<Request> request) {
  const auto self = shared_from_this();
  auto dialled = co_await dial_origin(rules_, request->origin, request->subject);
  // A stream that the edge has given up meanwhile takes its origin's connection with it.
  if (cut_ || request->given_up()) co_return;
  if (const auto* fault = std::get_if<OriginFault>(&dialled)) co_return refuse(*request, *fault);
  carry(*request, std::move(std::get<net::ip::tcp::socket>(dialled)));
}

void TunnelServer::refuse(Request& request, OriginFault fault) {
  ++counts_.refused[static_cast<std::size_t>(fault)];
  log("{}: not opened: {}", request.text, auth::words_for(fault));
  if (request.stream) answer(*request.stream, status_of(fault), auth::name_of(fault));
}

/// The side that asked for the origin. Null: it has gone.
std::unique_ptr<tunnel::Stream> TunnelServer::other_end(Request& request) const {
  if (request.stream) return transport::make_channel_stream(std::move(request.stream));
  boost::system::error_code gone;
  const int fd = request.taken->release(gone);
  if (gone) return nullptr;
  transport::keep_alive(fd);
  return tunnel::make_tcp_stream(executor_, fd);
}

void TunnelServer::carry(Request& request, net::ip::tcp::socket socket) {
  boost::system::error_code gone;
  const int fd = socket.release(gone);
  if (gone) return refuse(request, OriginFault::unreachable);
  transport::keep_alive(fd);
  auto origin = tunnel::make_tcp_stream(executor_, fd);
  if (request.stream && !request.stream->respond({{":status", "200"}}, false)) return;
  ++counts_.opened;
  log("{}: open", request.text);
  const std::uint64_t id = next_id_++;
  auto edge = other_end(request);
  if (!edge) return;
  auto made =
      std::make_unique<Tunnel>(executor_, std::move(origin), std::move(edge), std::move(request.text));
  made->counted = std::move(request.counted);
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
