#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"
#include "transport/dial/http_client.h"
#include "transport/websocket/stream.h"
#include "tunnel/stream.h"

namespace cfpipe::transport {

struct WebSocketRequest {
  explicit WebSocketRequest(Url u) : url(std::move(u)) {}
  Url url;
  Headers headers;  ///< besides those of the handshake itself; User-Agent replaces ours
  std::chrono::milliseconds deadline{15'000};  ///< from the upgrade request to its answer
  WebSocketTimes times;                        ///< of the tunnel that comes of it
  /// Value of tunnel::kResumeHeader; empty: that is not sent. Asked for when the request is written, perhaps
  /// more than once.
  std::function<std::string()> resume = [] { return std::string(); };
  /// Called with the value of the answer that opens the WebSocket, which may be empty.
  std::function<void(std::string_view)> resume_answered = [](std::string_view) {};
};

/// Whether the request has a User-Agent of its own.
bool names_user_agent(const WebSocketRequest& request);

/// Opens a WebSocket (RFC 6455 4.1), on the client's idle connection to that authority if there is one, else
/// on a new one. With a session that allows it the request goes out as early data (RFC 8446 2.3); where that
/// is not taken, or answered with 425 (RFC 8470), once more when the handshake is finished. Failures: dns to
/// tls; and Stage::upgrade with http_status, location_host and ray filled: token_rejected (a redirect to
/// `/cdn-cgi/access/login`), denied (401, 403), upgrade_redirected, not_a_websocket (200), too_many_requests,
/// origin_down (502, 503, 504, 530), edge_unavailable (other 5xx), unexpected_status, bad_accept.
/// The stream is binary messages without boundaries; it pings, answers pings, and knows whether the edge
/// half-closes. `client` need not outlive the stream.
boost::asio::awaitable<Result<std::unique_ptr<tunnel::Stream>>> open_websocket(
    HttpClient& client, const WebSocketRequest& request);

}  // namespace cfpipe::transport
