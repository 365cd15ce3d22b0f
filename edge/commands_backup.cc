#include "edge/commands.h"

namespace cfpipe::edge {

int back_up(const StateOption& option, const std::string& path) {
  auto state = open_state(option, true);
  if (!state) return complain(state.error());
  if (const auto copied = (*state)->copy_to(path); !copied) return complain(copied.error());
  if (const int status = record_action(**state, {"backup", {}, {}, {}}); status != kOk) return status;
  complain(path + " holds the state with all its keys; put it back as edge.db of a state directory");
  return kOk;
}

}  // namespace cfpipe::edge
