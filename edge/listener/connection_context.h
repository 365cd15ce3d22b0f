#pragma once

#include "edge/http/timeouts.h"
#include "edge/limits/address_seats.h"
#include "edge/limits/memory_budget.h"
#include "edge/listener/control_plane.h"
#include "edge/listener/idle_connections.h"

namespace cfpipe::edge {

/// What the connections of one loop share. All of it outlives them.
struct ConnectionContext {
  ControlPlane& site;
  Timeouts timeouts;
  MemoryBudget& memory;
  IdleConnections& idle;
  OccasionalLine& forwarding_faults;
};

}  // namespace cfpipe::edge
