#pragma once

#include <boost/asio/awaitable.hpp>
#include <variant>

#include "edge/http/request.h"

namespace cfpipe::edge {

/// Answers requests. Lives on one loop, which is not a worker's (see ControlPlane): a commit to disk must not
/// stall a tunnel.
class RequestHandler {
 public:
  virtual ~RequestHandler() = default;
  /// An ordinary request. May wait (the transfer store polls); the request outlives the await.
  virtual boost::asio::awaitable<Answer> handle(const Request& request) = 0;
  /// Whether handle() looks at the body of such a request, of which only the head is here. The listener keeps
  /// nothing of a body that is not read. From any thread.
  virtual bool reads_body(const Request& request) const = 0;
  /// A WebSocket upgrade request (its handshake headers are the listener's to check): a grant or why not.
  virtual std::variant<TunnelGrant, Answer> upgrade(const Request& request) = 0;
};

}  // namespace cfpipe::edge
