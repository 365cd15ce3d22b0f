#include <ctime>

#include "edge/acts.h"
#include "edge/commands.h"

namespace cfpipe::edge {

int back_up(const StateOption& option, const std::string& path) {
  auto state = open_state(option, true);
  if (!state) return complain(state.error());
  if (const auto copied = (*state)->copy_to(path); !copied) return complain(copied.error());
  if (const auto recorded = Acts(**state, std::time(nullptr)).record("backup", {}, {}, {}); !recorded)
    return complain(recorded.error());
  complain(path + " holds the state with all its keys; put it back as edge.db of a state directory");
  return kOk;
}

}  // namespace cfpipe::edge
