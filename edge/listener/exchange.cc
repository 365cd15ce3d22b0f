#include "edge/listener/exchange.h"

#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <utility>

#include "edge/http/request_rules.h"
#include "edge/http/responses.h"
#include "edge/limits/memory_budget.h"
#include "edge/tunnel/resumable.h"
#include "edge/tunnel/target.h"
#include "transport/http/message_io.h"
#include "transport/websocket/handshake.h"
#include "transport/websocket/stream.h"

namespace cfpipe::edge {
namespace net = boost::asio;

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

std::unique_ptr<TunnelRelay> make_relay(Upgraded& upgraded, std::unique_ptr<transport::Channel> channel,
                                        std::span<const std::byte> early) {
  const auto executor = channel->executor();
  auto client = transport::make_websocket_stream(std::move(channel), transport::WsRole::server,
                                                 upgraded.half_close, early);
  if (upgraded.resumable) client = upgraded.resumable->begin(std::move(client));
  return std::make_unique<TunnelRelay>(executor, std::move(client), std::move(upgraded.target));
}

net::awaitable<void> run_relay(ControlPlane& site, std::unique_ptr<Upgraded> upgraded, TunnelRelay& relay) {
  const SessionLimits limits{upgraded->grant.session_limit, upgraded->grant.idle_limit};
  std::unique_ptr<TunnelRecord> record;
  if (!upgraded->grant.target->keeps_sessions())
    record = co_await site.opened(upgraded->grant, upgraded->request);
  if (record && upgraded->resumable) upgraded->resumable->recorded(record->id(), record->handle);
  upgraded.reset();  // a tunnel may stay for days
  relay.start(std::move(record), limits);
  co_await relay.until_over();
}

}  // namespace cfpipe::edge
