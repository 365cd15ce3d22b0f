#include <cstdio>
#include <ctime>

#include "edge/audit_log.h"
#include "edge/commands.h"
#include "edge/state.h"
#include "edge/text.h"

namespace cfpipe::edge {
namespace {

const char* text_or_dash(const std::string& text) {
  return text.empty() ? "-" : text.c_str();
}

void print_row(const AuditRow& row) {
  std::printf("%s %s %s %s from=%s ray=%s", rfc3339(row.time).c_str(), row.kind.c_str(),
              text_or_dash(row.identity), text_or_dash(row.application), text_or_dash(row.peer),
              text_or_dash(row.ray));
  if (row.serial != 0)
    std::printf(" serial=%llu key_id=%s", static_cast<unsigned long long>(row.serial), row.key_id.c_str());
  if (row.kind == "tunnel_open") std::printf(" tunnel=%lld", static_cast<long long>(row.id));
  if (row.kind == "tunnel_close") {
    std::printf(" tunnel=%lld up=%llu down=%llu", static_cast<long long>(row.tunnel),
                static_cast<unsigned long long>(row.up_bytes),
                static_cast<unsigned long long>(row.down_bytes));
  }
  if (!row.reason.empty()) std::printf(" reason=\"%s\"", row.reason.c_str());
  std::printf("\n");
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
