// What the audit has, and what comes.
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <limits>

#include "base/text.h"
#include "edge/command/commands.h"
#include "edge/monitoring/audit_export.h"
#include "edge/store/audit_store.h"
#include "edge/store/audit_text.h"

namespace cfpipe::edge {
namespace {

/// How often --follow looks for new rows, and how many of them it reads at a time.
constexpr std::chrono::milliseconds kFollowPoll{250};
constexpr std::size_t kFollowRows = 1000;

/// The options as values: which rows, and how they are printed.
struct Wanted {
  std::int64_t since = 0;
  std::int64_t until = std::numeric_limits<std::int64_t>::max();
  const AuditOptions& options;

  bool has(const AuditRow& row) const {
    return row.time >= since && row.time < until &&
           (options.identity.empty() || same_text(row.identity, options.identity)) &&
           (options.application.empty() || same_text(row.application, options.application)) &&
           (options.kinds.empty() ||
            std::find(options.kinds.begin(), options.kinds.end(), row.kind) != options.kinds.end());
  }
};

std::string line_of(const AuditRow& row) {
  return rfc3339(row.time) + " " + audit_value(row.kind) + " " + audit_value(row.identity) + " " +
         audit_value(row.application) + " from=" + audit_value(row.peer) + " ray=" + audit_value(row.ray) +
         audit_details(row);
}

void print(const Wanted& wanted, const AuditRow& row) {
  if (wanted.has(row)) std::printf("%s\n", (wanted.options.json ? audit_json(row) : line_of(row)).c_str());
}

/// A time, or how long ago; false: it is neither, which has been said.
bool read_time(const char* option, const std::string& text, std::int64_t& time) {
  if (text.empty()) return true;
  if (const auto ago = parse_duration(text)) {
    time = std::time(nullptr) - ago->count();
  } else if (const auto at = parse_time(text)) {
    time = *at;
  } else {
    complain(std::string(option) +
             " must be a time such as 2026-01-31T12:00:00Z, or how long ago, such as 24h");
    return false;
  }
  return true;
}

/// False once nothing reads standard output any more, as behind `| head`.
bool wait_for_rows() {
  pollfd output{STDOUT_FILENO, 0, 0};
  const int ready = ::poll(&output, 1, static_cast<int>(kFollowPoll.count()));
  return ready <= 0 || (output.revents & (POLLERR | POLLHUP)) == 0;
}

/// Prints the rows behind that one as they come, until standard output takes no more.
Result<void> follow(AuditStore& store, std::int64_t last, const Wanted& wanted) {
  do {
    const auto rows = store.list_after(last, kFollowRows);
    if (!rows) return rows.error();
    for (const AuditRow& row : *rows) print(wanted, row);
    if (!rows->empty()) last = rows->back().id;
    if (std::fflush(stdout) != 0) break;
  } while (wait_for_rows());
  return {};
}

}  // namespace

int show_audit(const StateOption& option, const AuditOptions& options) {
  Wanted wanted{.options = options};
  if (!read_time("--since", options.since, wanted.since)) return kUsage;
  if (!read_time("--until", options.until, wanted.until)) return kUsage;
  auto store = open_store(option, true);
  if (!store) return complain(store.error());
  AuditQuery newest_row;
  newest_row.most = 1;
  const auto newest = (*store)->audit().search(newest_row);
  if (!newest) return complain(newest.error());
  const std::int64_t last = newest->rows.empty() ? 0 : newest->rows.front().id;
  auto done = (*store)->audit().read(wanted.since, [&](const AuditRow& row) {
    if (row.id <= last) print(wanted, row);  // what is added meanwhile is for follow()
    return row.time < wanted.until;
  });
  if (done && options.follow) done = follow((*store)->audit(), last, wanted);
  return done ? kOk : complain(done.error());
}

}  // namespace cfpipe::edge
