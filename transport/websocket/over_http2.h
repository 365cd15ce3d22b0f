#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>

#include "transport/http2/connection.h"
#include "transport/websocket/client.h"
#include "tunnel/stream.h"

namespace cfpipe::transport {

/// The headers of an extended CONNECT (RFC 8441 4) for this request.
H2Head websocket_head(const WebSocketRequest& request);

/// Opens a WebSocket as a stream of a standing connection that is usable() and takes_websockets(), in one
/// round trip. Failures as of upgrade_refused(), and Stage::upgrade with bad_accept, timed_out or
/// closed_early.
/// `elsewhere`: the peer has not looked at the request, or has gone; it may be tried on another connection.
boost::asio::awaitable<Result<std::unique_ptr<tunnel::Stream>>> open_h2_websocket(
    std::shared_ptr<H2Connection> connection, const WebSocketRequest& request, bool& elsewhere);

}  // namespace cfpipe::transport
