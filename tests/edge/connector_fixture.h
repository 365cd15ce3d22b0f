#pragma once

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <string>

#include "auth/connector/enrolment.h"
#include "auth/connector/key.h"
#include "auth/connector/protocol.h"
#include "base/base64.h"
#include "edge/http/request.h"

namespace cfpipe::edge {

/// A connector as the edge sees it: its key, and the requests that it makes.
class ConnectorPeer {
 public:
  static constexpr const char* kEdge = "auth.localhost:8443";

  auth::ConnectorKey key = auth::ConnectorKey::generate();
  std::string edge = kEdge;  ///< that it has dialled
  auth::AttachClaim claim{"", "instance-1234567", "1.0.0"};
  std::string peer = "192.0.2.1";

  Request request(const std::string& method, std::string_view path) const {
    Request out;
    out.method = method;
    out.authority = kEdge;
    out.host = "auth.localhost";
    out.path = path;
    out.peer = peer;
    out.ray = "ray-1";
    return out;
  }
  boost::json::object enrolment(const std::string& secret) const {
    const std::string message = auth::enrolment_message(edge, secret, key.public_key());
    return {{"token", secret},
            {"key", base64url(key.public_key())},
            {"signature", base64url(key.sign(message))},
            {"host", "server1"},
            {"version", "1.0.0"}};
  }
  Request enrol(const boost::json::object& body) const {
    Request out = request("POST", auth::kEnrolPath);
    out.headers.emplace_back("Content-Type", "application/json");
    out.body = boost::json::serialize(body);
    return out;
  }
  Request enrol(const std::string& secret) const { return enrol(enrolment(secret)); }
  /// Without a challenge, or with one that is signed.
  Request attach(const std::string& challenge = {}) const {
    Request out = request("GET", auth::kAttachPath);
    out.headers.emplace_back(auth::kConnectorIdHeader, claim.id);
    out.headers.emplace_back(auth::kInstanceHeader, claim.instance);
    out.headers.emplace_back(auth::kConnectorVersionHeader, claim.version);
    if (challenge.empty()) return out;
    out.headers.emplace_back(auth::kNonceHeader, challenge);
    out.headers.emplace_back(auth::kSignatureHeader,
                             base64url(key.sign(auth::attach_message(edge, claim, challenge))));
    return out;
  }
};

}  // namespace cfpipe::edge
