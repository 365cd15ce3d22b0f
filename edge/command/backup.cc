
#include "base/platform/files.h"
#include "edge/api/operations.h"
#include "edge/command/commands.h"
#include "edge/process/as_owner.h"
#include "edge/store/sqlite_copy.h"
#include "edge/store/sqlite_store.h"

namespace cfpipe::edge {
namespace {

int fill(const StateOption& option, const NewFile& file) {
  const auto dir = own_state_dir(option, true);
  if (!dir) return complain(dir.error());
  if (const auto copied = copy_sqlite_store(*dir, file.descriptor(), file.path()); !copied)
    return complain(copied.error());
  const auto store = open_sqlite_store(*dir);
  if (!store) return complain(store.error());
  const auto recorded = operations(**store).record("backup", {}, {}, {});
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
