#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <string>
#include <variant>

#include "edge/http/request.h"
#include "edge/listener/control_plane.h"
#include "edge/tunnel/resumable.h"
#include "tunnel/relay.h"

namespace cfpipe::edge {

/// A tunnel that is to be resumable, as the client has asked; null: it has not, or the configuration or the
/// target has it otherwise. `executor`: of the loop that is going to carry it.
std::shared_ptr<ResumableTunnel> new_resumable(ControlPlane& site, const TunnelGrant& grant,
                                               const Request& request,
                                               const boost::asio::any_io_executor& executor);

/// A tunnel that its client comes back to.
struct Reattached {
  std::shared_ptr<ResumableTunnel> tunnel;
  std::uint64_t turn = 0;
  std::uint64_t next = 0;  ///< what its client lacks
  std::string answer;      ///< value of tunnel::kResumeHeader
};
/// That tunnel, without a carrier now, or the answer that says why not. `may_be_replay`: the request has come
/// as early data (RFC 8446 8).
boost::asio::awaitable<std::variant<Reattached, Answer>> reattach(ControlPlane& site,
                                                                  const TunnelGrant& grant,
                                                                  SharedRequest request, bool may_be_replay);
/// Carries the tunnel over `client` until that or the tunnel ends, or another carrier comes. What `client`
/// has not taken by then is dropped after `times.finish_limit`.
boost::asio::awaitable<void> carry_on(Reattached reattached, std::unique_ptr<tunnel::Stream> client,
                                      boost::asio::any_io_executor executor, tunnel::RelayTimes times = {});

}  // namespace cfpipe::edge
