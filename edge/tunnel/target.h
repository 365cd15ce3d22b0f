#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <variant>

#include "edge/http/proxy_header.h"
#include "edge/http/request.h"
#include "tunnel/stream.h"

namespace cfpipe::edge {

/// A stream to what a tunnel leads to, or the answer that tells the client why there is none.
using Connected = std::variant<std::unique_ptr<tunnel::Stream>, Answer>;

/// What a grant leads to. Grants share it, and every worker's loop may use it.
class TunnelTarget {
 public:
  virtual ~TunnelTarget() = default;
  /// Connects for one tunnel. The stream is for the loop of the caller. `grant` and `ends` outlive the await.
  virtual boost::asio::awaitable<Connected> connect(const TunnelGrant& grant, SharedRequest request,
                                                    const ConnectionEnds& ends) = 0;
  /// True if the target's sessions outlive their tunnels: the target then records them, applies their limits
  /// and ends them when the edge ends. Otherwise the relay of the tunnel does all of that.
  virtual bool keeps_sessions() const { return false; }
};

}  // namespace cfpipe::edge
