#include "edge/listener/tunnel_relay.h"

#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <utility>

#include "base/text.h"
#include "edge/http/request_rules.h"
#include "edge/http/responses.h"
#include "edge/limits/memory_budget.h"
#include "transport/http/message_io.h"
#include "transport/websocket/handshake.h"
#include "transport/websocket/stream.h"
#include "tunnel/fd_stream.h"

namespace cfpipe::edge {
namespace net = boost::asio;
namespace {

/// How often a tunnel with an idle_limit is looked at within that time; and how often at most, and at least.
constexpr int kIdleLooks = 10;
constexpr std::chrono::milliseconds kMinIdleLook{100};
constexpr std::chrono::milliseconds kMaxIdleLook{60'000};

std::string reason_of(const tunnel::Outcome& outcome) {
  if (!outcome.detail.empty()) return outcome.detail;
  if (outcome.near == tunnel::End::cut) return "the client's connection was lost";
  if (outcome.far == tunnel::End::cut) return "the origin's connection was lost";
  return outcome.far == tunnel::End::clean ? "the origin ended it" : "the client ended it";
}

// Keeps the record of a tunnel true when its relay goes, however that comes about.
struct Counted {
  Counted(TunnelRecord& t, const tunnel::Relay& r, const bool& s) : tunnel(t), relay(r), stopped(s) {}
  ~Counted() {
    if (stopped) tunnel.reason = "the edge was stopped";
    tunnel.up_bytes = relay.near_to_far();
    tunnel.down_bytes = relay.far_to_near();
  }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;
  TunnelRecord& tunnel;
  const tunnel::Relay& relay;
  const bool& stopped;
};

// Hears of the site's wish to end a tunnel for as long as there is one.
class Attached {
 public:
  Attached(TunnelHandle& end, TunnelHandle::Told told) : end_(end) { end_.on_dismissed(std::move(told)); }
  ~Attached() { end_.forget(); }
  Attached(const Attached&) = delete;
  Attached& operator=(const Attached&) = delete;

 private:
  TunnelHandle& end_;
};

// Ends a tunnel through which nothing of its two sides has gone for so long; pings are not theirs. What has
// gone is looked at now and then, so that the data path keeps no time.
class IdleWatch : public std::enable_shared_from_this<IdleWatch> {
 public:
  IdleWatch(const net::any_io_executor& executor, const tunnel::Relay& relay, TunnelHandle& end,
            std::chrono::seconds limit)
      : relay_(relay),
        end_(end),
        limit_(limit),
        every_(std::clamp<std::chrono::milliseconds>(std::chrono::milliseconds(limit) / kIdleLooks,
                                                     kMinIdleLook, kMaxIdleLook)),
        timer_(executor) {}
  void start() {
    timer_.expires_after(every_);
    timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
      if (const auto self = weak.lock(); self && !error) self->look();
    });
  }

 private:
  void look() {
    const auto now = std::chrono::steady_clock::now();
    const auto moved = relay_.near_to_far() + relay_.far_to_near();
    if (std::exchange(seen_, moved) != moved) since_ = now;
    if (now - since_ >= limit_) return end_.dismiss("idle for " + duration_text(limit_));
    start();
  }

  const tunnel::Relay& relay_;
  TunnelHandle& end_;
  std::chrono::seconds limit_;
  std::chrono::milliseconds every_;
  std::chrono::steady_clock::time_point since_ = std::chrono::steady_clock::now();
  std::uint64_t seen_ = 0;
  net::steady_timer timer_;
};

}  // namespace

void TunnelStop::stop() {
  if (std::exchange(stopped, true) || relay == nullptr) return;
  transport::go_away(*client, kLeaving);
  relay->stop();
}

std::string fresh_ray() {
  static constexpr char kHex[] = "0123456789abcdef";
  std::array<unsigned char, 8> bytes{};
  RAND_bytes(bytes.data(), static_cast<int>(bytes.size()));
  std::string out;
  for (const auto byte : bytes) out += {kHex[byte >> 4], kHex[byte & 15]};
  return out;
}

void set_target(Request& request, std::string_view authority, const std::string& target) {
  if (const auto named = request_authority(authority)) {
    request.authority = named->text();
    request.host = named->host.text();
  }
  const auto question = target.find('?');
  request.path = target.substr(0, question);
  if (question != std::string::npos) request.query = target.substr(question + 1);
}

bool fits_a_header(std::string_view value) {
  return std::none_of(value.begin(), value.end(), [](char c) { return c == '\r' || c == '\n' || c == '\0'; });
}

Answer handshake_refusal(const char* fault) {
  Answer answer = plain(400, fault);
  answer.headers.emplace_back("Sec-WebSocket-Version", transport::kWebSocketVersion);
  return answer;
}

Answer overloaded() {
  Answer answer;
  answer.status = 503;
  answer.headers.emplace_back("Retry-After", "5");
  return answer;
}

std::size_t buffered_of(const Answer& answer) {
  return answer.content().size() <= kSmallBytes ? 0 : transport::kWriteStep;
}

net::awaitable<std::variant<OriginSocket, Answer>> reach(const TunnelGrant& grant, SharedRequest request,
                                                         const ConnectionEnds& ends) {
  if (grant.target) co_return co_await grant.target->enter(grant, std::move(request), ends);
  co_return co_await dial_origin(grant, ends);
}

namespace {

struct BothSides {
  std::unique_ptr<tunnel::Stream> client;
  std::unique_ptr<tunnel::Stream> server;
};

BothSides both_sides(Upgraded& upgraded, std::unique_ptr<transport::Channel> channel,
                     std::span<const std::byte> early) {
  const auto executor = channel->executor();
  auto client = transport::make_websocket_stream(std::move(channel), transport::WsRole::server,
                                                 upgraded.half_close, early);
  boost::system::error_code error;
  const int fd = upgraded.origin.release(error);
  return {std::move(client), tunnel::make_fd_stream(executor, fd, fd, true)};
}

net::awaitable<void> relay_to_target(std::unique_ptr<Upgraded> upgraded,
                                     std::unique_ptr<transport::Channel> channel,
                                     std::vector<std::byte> early, TunnelStop& stop) {
  const auto executor = channel->executor();
  const BothSides sides = both_sides(*upgraded, std::move(channel), early);
  upgraded.reset();
  tunnel::Relay relay(executor, *sides.client, *sides.server);
  // What is inside ends by itself when the edge does, and has words of its own for it.
  if (stop.stopped) co_return;
  co_await relay.run();
}

}  // namespace

net::awaitable<void> relay_tunnel(ControlPlane& site, std::unique_ptr<Upgraded> upgraded,
                                  std::unique_ptr<transport::Channel> channel, std::vector<std::byte> early,
                                  TunnelStop& stop) {
  if (upgraded->grant.target) {
    co_await relay_to_target(std::move(upgraded), std::move(channel), std::move(early), stop);
    co_return;
  }
  const auto open = co_await site.opened(upgraded->grant, upgraded->request);
  if (stop.stopped) {
    open->reason = "the edge was stopped";
    co_return;
  }
  const auto executor = channel->executor();
  const auto [client, server] = both_sides(*upgraded, std::move(channel), early);
  early = {};
  const auto idle_limit = upgraded->grant.idle_limit;
  upgraded.reset();
  tunnel::Relay relay(executor, *client, *server);
  const Counted counted(*open, relay, stop.stopped);
  open->handle->count(relay.counters());
  stop.client = client.get();
  stop.relay = &relay;
  std::string dismissal;
  const Attached attached(*open->handle, [&](const std::string& why) {
    dismissal = why;
    client->dismiss(why);
    relay.stop();
  });
  std::shared_ptr<IdleWatch> watch;
  if (idle_limit.count() > 0) {
    watch = std::make_shared<IdleWatch>(executor, relay, *open->handle, idle_limit);
    watch->start();
  }
  const auto outcome = co_await relay.run();
  stop.relay = nullptr;
  open->reason = dismissal.empty() ? reason_of(outcome) : dismissal;
}

}  // namespace cfpipe::edge
