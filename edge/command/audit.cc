#include <cstdio>
#include <ctime>

#include "base/text.h"
#include "edge/command/commands.h"
#include "edge/monitoring/audit_export.h"
#include "edge/store/audit_text.h"
#include "edge/store/store.h"

namespace cfpipe::edge {
namespace {

void print_row(const AuditRow& row) {
  const std::string text = rfc3339(row.time) + " " + audit_value(row.kind) + " " + audit_value(row.identity) +
                           " " + audit_value(row.application) + " from=" + audit_value(row.peer) +
                           " ray=" + audit_value(row.ray) + audit_details(row);
  std::printf("%s\n", text.c_str());
}

void print_json(const AuditRow& row) {
  std::printf("%s\n", audit_json(row).c_str());
}

}  // namespace

int show_audit(const StateOption& option, const std::string& since, bool json) {
  std::int64_t from = 0;
  if (!since.empty()) {
    if (const auto ago = parse_duration(since)) {
      from = std::time(nullptr) - ago->count();
    } else if (const auto time = parse_time(since)) {
      from = *time;
    } else {
      complain("--since must be a time such as 2026-01-31T12:00:00Z, or how long ago, such as 24h");
      return kUsage;
    }
  }
  auto state = open_state(option, true);
  if (!state) return complain(state.error());
  const auto done = (*state)->read_audit(from, json ? print_json : print_row);
  return done ? kOk : complain(done.error());
}

}  // namespace cfpipe::edge
