#pragma once

#include "edge/address_seats.h"
#include "edge/idle_connections.h"
#include "edge/memory_budget.h"
#include "edge/patience.h"
#include "edge/site_loop.h"

namespace cfpipe::edge {

/// What the connections of one loop share. All of it outlives them.
struct ConnectionContext {
  SiteLoop& site;
  Patience patience;
  MemoryBudget& memory;
  IdleConnections& idle;
  OccasionalLine& forwarding_faults;
};

}  // namespace cfpipe::edge
