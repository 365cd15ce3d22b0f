#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <string>
#include <variant>

#include "edge/http/request.h"

namespace cfpipe::edge {

class AttachRecord;
class ConnectorRegistry;

/// Leave to attach as a connector.
struct AttachGrant {
  std::string id;                               ///< of the connector's enrolment
  std::string name;                             ///< by which applications refer to it
  std::string instance;                         ///< what all connections of one run of it have in common
  std::string version;                          ///< that it says it has
  std::shared_ptr<ConnectorRegistry> registry;  ///< of the attached connectors, that it joins
  /// Goes when the connection has ended; null: the audit has left the attachment out.
  std::shared_ptr<AttachRecord> record = nullptr;
};

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
  /// A connector's request to attach (auth/connector/protocol.h): leave, or the challenge, or why not.
  virtual std::variant<AttachGrant, Answer> attach(const Request& request) = 0;
};

}  // namespace cfpipe::edge
