#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>

#include "transport/dial/http_client.h"
#include "transport/websocket/client.h"
#include "tunnel/stream.h"

namespace cfpipe::transport {

/// Protocol that carries tunnels. http1: a connection for each (RFC 6455). http2: one connection carries many
/// (RFC 8441) if the edge supports it, else http1 for all further ones.
enum class TunnelProtocol { http1, http2 };

/// Opens tunnels to an edge, one after another or many at once. Over HTTP/2 all are streams of one standing
/// connection, each opened in one round trip; there are more connections only if the edge's limit of
/// streams is reached or it has sent GOAWAY.
class TunnelSource {
 public:
  /// `client` dials, and outlives the source.
  TunnelSource(HttpClient& client, TunnelProtocol protocol);
  ~TunnelSource();
  TunnelSource(const TunnelSource&) = delete;
  TunnelSource& operator=(const TunnelSource&) = delete;

  /// As open_websocket(), with the same failures. The stream outlives the source.
  boost::asio::awaitable<Result<std::unique_ptr<tunnel::Stream>>> open(const WebSocketRequest& request);

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace cfpipe::transport
