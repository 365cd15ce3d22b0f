#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "edge/http/request.h"
#include "edge/listener/control_plane.h"
#include "edge/tunnel/relay.h"
#include "transport/net/channel.h"
#include "tunnel/stream.h"

namespace cfpipe::edge {

class ResumableTunnel;

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

/// A request that was granted and answered: what its tunnel needs.
struct Upgraded {
  std::unique_ptr<tunnel::Stream> target;
  TunnelGrant grant;
  SharedRequest request;
  bool half_close;
  std::shared_ptr<ResumableTunnel> resumable;  ///< null: it ends with its connection
};

/// The relay of a tunnel, not started. Takes the target's stream. `early`: bytes that the client sent behind
/// its request.
std::unique_ptr<TunnelRelay> make_relay(Upgraded& upgraded, std::unique_ptr<transport::Channel> channel,
                                        std::span<const std::byte> early);
/// Has the site record the tunnel, starts its relay, and returns once the relay is over. `relay` outlives the
/// await.
boost::asio::awaitable<void> run_relay(ControlPlane& site, std::unique_ptr<Upgraded> upgraded,
                                       TunnelRelay& relay);

}  // namespace cfpipe::edge
