#include <ctime>

#include "base/platform/files.h"
#include "edge/api/operations.h"
#include "edge/command/commands.h"
#include "edge/process/as_owner.h"

namespace cfpipe::edge {
namespace {

int fill(const StateOption& option, const NewFile& file) {
  auto state = open_state(option, true);
  if (!state) return complain(state.error());
  if (const auto copied = (*state)->copy_into(file.descriptor(), file.path()); !copied)
    return complain(copied.error());
  const auto recorded = Operations(**state, std::time(nullptr)).record("backup", {}, {}, {});
  return recorded ? kOk : complain(recorded.error());
}

}  // namespace

int back_up(const StateOption& option, const std::string& path) {
  // The file may be where root alone writes, and the state is its owner's: so a child fills it.
  auto file = NewFile::make(path);
  if (!file) return complain(file.error());
  const auto filled = run_in_child([&](std::string&) { return fill(option, *file); });
  if (!filled) return complain(filled.error());
  if (filled->status != kOk) return filled->status;
  if (const auto kept = file->keep(); !kept) return complain(kept.error());
  complain(path + " holds the state with all its keys; put it back as edge.db of a state directory");
  return kOk;
}

}  // namespace cfpipe::edge
