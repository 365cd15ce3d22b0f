// Of a connection: how it becomes that of a connector.
#include <boost/asio/awaitable.hpp>
#include <ctime>
#include <optional>
#include <span>
#include <utility>

#include "auth/connector/protocol.h"
#include "base/access_headers.h"
#include "edge/connector/host.h"
#include "edge/http/responses.h"
#include "edge/listener/http1_connection.h"
#include "transport/http/message_io.h"

namespace cfpipe::edge {
namespace net = boost::asio;

// True if another request may follow: the answer to a challenge does.
net::awaitable<bool> Connection::attach(const RequestParser& parser, SharedRequest request) {
  const bool proven = co_await prove();
  if (!proven) co_return false;
  const bool plain_get = parser.is_done() && parser.get().method() == boost::beast::http::verb::get;
  if (!plain_get) {
    const char* why = "a connector attaches with GET and without content";
    Answer refusal = text_answer(400, why);
    refusal.headers.emplace_back(kReasonHeader, why);
    co_await reply(Asked(*request), std::move(refusal), false);
    co_return false;
  }
  const IdleConnections::Busy busy(seat_);
  auto verdict = co_await site_.attach(request);
  if (auto* refusal = std::get_if<Answer>(&verdict)) {
    const bool challenged = refusal->status == 401 && !stopping_ && !draining_;
    co_return co_await reply(Asked(*request), std::move(*refusal), challenged);
  }
  const std::string head = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: " +
                           std::string(auth::kConnectorProtocol) + "\r\nCf-Ray: " + request->ray + "\r\n\r\n";
  const auto written =
      co_await transport::write_all(*channel_, head, std::chrono::steady_clock::now() + timeouts_.request);
  if (!written) co_return false;
  carries_tunnel_ = true;
  busy_with_tunnel_.emplace(seat_);
  attached_.emplace(Attached{std::get<AttachGrant>(std::move(verdict)), request->peer});
  co_return false;
}

net::awaitable<void> Connection::serve_connector() {
  tls_ = nullptr;  // goes with the channel
  connector_ =
      std::make_unique<ConnectorHost>(std::move(channel_), std::move(attached_->grant),
                                      std::move(attached_->peer), std::time(nullptr), input_.bytes());
  input_.clear();
  if (draining_) connector_->drain();
  co_await connector_->run();
  connector_.reset();
}

}  // namespace cfpipe::edge
