#include "edge/exchange.h"

#include <openssl/rand.h>

#include <algorithm>
#include <array>

#include "edge/server.h"
#include "transport/dialer.h"
#include "transport/reason.h"
#include "transport/websocket_stream.h"
#include "tunnel/fd_stream.h"

namespace cfpipe::edge {
namespace net = boost::asio;
using transport::Cause;
namespace {

std::string without_port(const std::string& authority) {
  const auto colon = authority.rfind(':');
  const bool in_brackets = authority.ends_with(']');
  return colon == std::string::npos || in_brackets ? authority : authority.substr(0, colon);
}

std::string reason_of(const tunnel::Outcome& outcome) {
  if (!outcome.detail.empty()) return outcome.detail;
  if (outcome.near == tunnel::End::cut) return "the client's connection was lost";
  if (outcome.far == tunnel::End::cut) return "the origin's connection was lost";
  return outcome.far == tunnel::End::clean ? "the origin ended it" : "the client ended it";
}

// Keeps the record of a tunnel true when its relay goes, however that comes about.
struct Counted {
  Counted(OpenTunnel& t, const tunnel::Relay& r, const bool& s) : tunnel(t), relay(r), stopping(s) {}
  ~Counted() {
    if (stopping) tunnel.reason = "the edge was stopped";
    tunnel.up_bytes = relay.near_to_far();
    tunnel.down_bytes = relay.far_to_near();
  }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;
  OpenTunnel& tunnel;
  const tunnel::Relay& relay;
  const bool& stopping;
};

// Hears of the site's wish to end a tunnel for as long as there is one.
class Attached {
 public:
  Attached(TunnelEnd& end, TunnelEnd::Told told) : end_(end) { end_.on_dismissed(std::move(told)); }
  ~Attached() { end_.forget(); }
  Attached(const Attached&) = delete;
  Attached& operator=(const Attached&) = delete;

 private:
  TunnelEnd& end_;
};

}  // namespace

void TunnelStop::stop(bool at_once) {
  stopping = true;
  hard = hard || at_once;
  if (hard && relay != nullptr) relay->stop();
}

std::string fresh_ray() {
  static constexpr char kHex[] = "0123456789abcdef";
  std::array<unsigned char, 8> bytes{};
  RAND_bytes(bytes.data(), static_cast<int>(bytes.size()));
  std::string out;
  for (const auto byte : bytes) out += {kHex[byte >> 4], kHex[byte & 15]};
  return out;
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return text;
}

void set_target(Request& request, std::string authority, const std::string& target) {
  request.authority = lower(std::move(authority));
  request.host = without_port(request.authority);
  const auto question = target.find('?');
  request.path = target.substr(0, question);
  if (question != std::string::npos) request.query = target.substr(question + 1);
}

bool fits_a_header(std::string_view value) {
  return std::none_of(value.begin(), value.end(), [](char c) { return c == '\r' || c == '\n' || c == '\0'; });
}

Answer plain(int status, std::string text) {
  Answer answer;
  answer.status = status;
  answer.headers.emplace_back("Content-Type", "text/plain; charset=utf-8");
  answer.body = std::move(text) + "\n";
  return answer;
}

net::awaitable<std::variant<net::ip::tcp::socket, Answer>> dial_origin(const TunnelGrant& grant) {
  transport::Url origin;
  origin.host = grant.origin_host;
  origin.port = grant.origin_port;
  transport::DialOptions dial;
  dial.dns_deadline = dial.tcp_deadline = kOriginDeadline;
  auto socket = co_await transport::dial_tcp(origin, dial);
  if (socket) co_return std::move(*socket);
  const bool refused = socket.error().cause == Cause::refused;
  const std::string why = refused ? "it refused the connection" : "it cannot be reached";
  const std::string reason = "the origin of " + grant.app_hostname + " is down: " + why;
  Answer answer = plain(502, reason);
  answer.headers.emplace_back(transport::kReasonHeader, reason);
  co_return answer;
}

net::awaitable<void> relay_tunnel(SiteLoop& site, std::unique_ptr<Upgraded> upgraded,
                                  std::unique_ptr<transport::Channel> channel, std::vector<std::byte> early,
                                  TunnelStop& stop) {
  const auto open = co_await site.opened(upgraded->grant, upgraded->request);
  if (stop.hard) {
    open->reason = "the edge was stopped";
    co_return;
  }
  const auto executor = channel->executor();
  const auto client = transport::make_websocket_stream(std::move(channel), transport::WsRole::server,
                                                       upgraded->half_close, early);
  early = {};
  boost::system::error_code error;
  const int fd = upgraded->origin.release(error);
  upgraded.reset();
  const auto server = tunnel::make_fd_stream(executor, fd, fd, true);
  tunnel::Relay relay(executor, *client, *server);
  const Counted counted(*open, relay, stop.stopping);
  stop.relay = &relay;
  std::string dismissal;
  const Attached attached(*open->end, [&](const std::string& why) {
    dismissal = why;
    client->dismiss(why);
    relay.stop();
  });
  const auto outcome = co_await relay.run();
  stop.relay = nullptr;
  open->reason = dismissal.empty() ? reason_of(outcome) : dismissal;
}

}  // namespace cfpipe::edge
