#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "edge/listener/control_plane.h"
#include "edge/tunnel/origin.h"
#include "transport/net/channel.h"
#include "tunnel/relay.h"

namespace cfpipe::edge {

/// What requests and tunnels of both HTTP versions have in common.

/// Names a request in logs, in the audit, and to the person whose request it was.
std::string fresh_ray();
/// Fills authority and host, path and query from their forms on the wire. An authority that is none
/// (Authority) leaves both empty.
void set_target(Request& request, std::string_view authority, const std::string& target);
/// False for what would break out of a header.
bool fits_a_header(std::string_view value);
/// What is left of a request while its answer leaves, which may take long.
struct Asked {
  Asked() = default;
  explicit Asked(const Request& request) : head(request.method == "HEAD"), ray(request.ray) {}
  bool head = false;  ///< the answer's head is all that was asked for
  std::string ray;
};
inline constexpr const char* kWrongVersion = "only WebSocket version 13 is spoken";
/// Answers a WebSocket handshake that breaks a rule, with the version that is spoken (RFC 6455 4.4).
Answer handshake_refusal(const char* fault);
/// For want of memory, and without a body, which would take some.
Answer overloaded();
/// Bytes beside the answer's own that may wait in buffers while it leaves: nothing of a small one is counted.
std::size_t buffered_of(const Answer& answer);

/// Something of the edge's own that a WebSocket may lead to, in place of an origin.
class TunnelTarget {
 public:
  virtual ~TunnelTarget() = default;
  /// The caller's end of it, or why there is none. From any loop.
  virtual boost::asio::awaitable<std::variant<OriginSocket, Answer>> enter(const TunnelGrant& grant,
                                                                           SharedRequest request,
                                                                           const ConnectionEnds& ends) = 0;
};

/// Connects to where a grant leads.
boost::asio::awaitable<std::variant<OriginSocket, Answer>> reach(const TunnelGrant& grant,
                                                                 SharedRequest request,
                                                                 const ConnectionEnds& ends);

/// A request that was granted and answered: what its tunnel needs.
struct Upgraded {
  OriginSocket origin;
  TunnelGrant grant;
  SharedRequest request;
  bool half_close;
};

/// What the client of a tunnel is told that the edge ends because it ends itself.
inline constexpr const char* kLeaving = "the edge is stopped or restarted";

/// Stops a tunnel for the edge's own end, also one that has not begun.
struct TunnelStop {
  tunnel::Relay* relay = nullptr;    ///< while it runs
  tunnel::Stream* client = nullptr;  ///< the same
  bool stopped = false;              ///< the tunnel's end is put down to that
  void stop();
};

/// Records the tunnel, relays until both sides are done, and records its end, however that comes about. What
/// leads inside keeps its own records. `early` is what the client said behind its request; `stop` outlives
/// the await.
boost::asio::awaitable<void> relay_tunnel(ControlPlane& site, std::unique_ptr<Upgraded> upgraded,
                                          std::unique_ptr<transport::Channel> channel,
                                          std::vector<std::byte> early, TunnelStop& stop);

}  // namespace cfpipe::edge
