#pragma once

#include <memory>
#include <optional>

#include "edge/http/proxy_header.h"
#include "edge/http/request.h"
#include "edge/http/trusted_proxies.h"
#include "edge/limits/address_seats.h"

namespace cfpipe::edge {

/// Where a connection comes from, and through whom.
struct ClientSource {
  ConnectionEnds ends;
  std::shared_ptr<const TrustedProxies> proxies;  ///< null: it does not come from one of them
  bool encrypted = true;                          ///< by TLS, up to this edge
};

/// Gives a request that came that way the address of its client: that of the connection, or what a proxy's
/// headers say. An answer: it is refused with that. `faults` bounds what the log says of headers that cannot
/// be used.
std::optional<Answer> name_client(Request& request, const ClientSource& source, OccasionalLine& faults);

/// The ends of the client's connection, as an origin is told them.
ConnectionEnds ends_for(const Request& request, const ClientSource& source);

}  // namespace cfpipe::edge
