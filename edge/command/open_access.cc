// What is open: people's sign-ins, and the tunnels and terminals that the edge's processes have written to
// the state; and the end of each.
#include <poll.h>

#include <algorithm>
#include <chrono>
#include <ctime>

#include "base/text.h"
#include "edge/api/operations.h"
#include "edge/command/commands.h"
#include "edge/process/listing.h"

namespace cfpipe::edge {
namespace {

/// How long an edge gets to end a tunnel, and how often it is looked whether it has: it looks for what it is
/// asked every second, and writes what has ended a second later.
constexpr std::chrono::milliseconds kEndTimeout{10'000};
constexpr std::chrono::milliseconds kEndPoll{100};

bool is_open(const std::vector<OpenTunnelRow>& open, const OpenTunnelRow& wanted) {
  return std::any_of(open.begin(), open.end(), [&wanted](const OpenTunnelRow& one) {
    return one.id == wanted.id && one.edge == wanted.edge;
  });
}

/// False: it is still open.
Result<bool> wait_for_end(TunnelStore& store, const OpenTunnelRow& tunnel) {
  const auto give_up = std::chrono::steady_clock::now() + kEndTimeout;
  for (;;) {
    const auto open = store.list(std::time(nullptr), {});
    if (!open) return open.error();
    if (!is_open(*open, tunnel)) return true;
    if (std::chrono::steady_clock::now() >= give_up) return false;
    ::poll(nullptr, 0, static_cast<int>(kEndPoll.count()));
  }
}

}  // namespace

int session_list(const StateOption& option, const std::string& email, bool json) {
  auto store = open_store(option, true);
  if (!store) return complain(store.error());
  const auto found = operations(**store).sign_ins(lower(email), 0);
  if (!found) return complain(found.error());
  std::vector<boost::json::object> rows;
  for (const SessionRow& row : *found)
    rows.push_back({{"session", row.session},
                    {"email", row.email},
                    {"application", row.application},
                    {"login_method", row.login_method},
                    {"peer", row.peer},
                    {"device", row.device},
                    {"begun", rfc3339(row.begun)},
                    {"expires", rfc3339(row.expires)}});
  print_list({"session", "email", "application", "login_method", "peer", "device", "begun", "expires"}, rows,
             json);
  const std::size_t most = email.empty() ? kMaxSignIns : kMaxOwnSignIns;
  if (found->size() == most) complain("these are the newest " + std::to_string(most) + "; there may be more");
  return kOk;
}

int revoke_person(const StateOption& option, const std::string& email) {
  auto store = open_store(option, true);
  if (!store) return complain(store.error());
  const std::int64_t now = std::time(nullptr);
  if (const auto done = operations(**store, now).revoke_person(email); !done) return complain(done.error());
  complain("the tokens of " + lower(email) + " issued until " + rfc3339(now) +
           " are void, and a running edge ends what they have opened; a new sign-in is up to the identity "
           "provider and the policies");
  return kOk;
}

int revoke_session(const StateOption& option, const std::string& session) {
  auto store = open_store(option, true);
  if (!store) return complain(store.error());
  const auto ended = operations(**store).revoke_session(session);
  if (!ended) return complain(ended.error());
  complain("the tokens of the session that " + ended->email + " began at " + rfc3339(ended->begun) +
           " are void, and a running edge ends what they have opened; other sessions go on");
  return kOk;
}

int tunnel_list(const StateOption& option, const TunnelListOptions& options) {
  auto store = open_store(option, true);
  if (!store) return complain(store.error());
  const auto open = operations(**store).tunnels(options.identity);
  if (!open) return complain(open.error());
  std::vector<boost::json::object> rows;
  for (const OpenTunnelRow& one : *open) {
    if (!options.application.empty() && one.application != options.application) continue;
    rows.push_back({{"id", one.id},
                    {"identity", one.identity},
                    {"application", one.application},
                    {"to", one.to},
                    {"peer", one.peer},
                    {"session", one.session},
                    {"since", rfc3339(one.since)},
                    {"terminal", one.terminal},
                    {"up_bytes", one.up_bytes},
                    {"down_bytes", one.down_bytes},
                    {"detached", one.detached > 0 ? rfc3339(one.detached) : std::string()},
                    {"edge", one.edge}});
  }
  print_list({"id", "identity", "application", "to", "peer", "since", "up_bytes", "down_bytes", "detached"},
             rows, options.json);
  if (open->size() == kMaxListedTunnels)
    complain("these are " + std::to_string(kMaxListedTunnels) + "; there may be more");
  return kOk;
}

int tunnel_end(const StateOption& option, std::int64_t id) {
  auto store = open_store(option, true);
  if (!store) return complain(store.error());
  const auto asked = operations(**store).end_tunnel(id);
  if (!asked && asked.error().stage == Stage::config)
    return complain(asked.error().detail + "; see cfpipe-edge tunnel list"), kUsage;
  if (!asked) return complain(asked.error());
  const std::string what = "tunnel " + std::to_string(id) + " of " +
                           printable(asked->identity.empty() ? asked->peer : asked->identity) + " to " +
                           printable(asked->application);
  const auto ended = wait_for_end((*store)->tunnels(), *asked);
  if (!ended) return complain(ended.error());
  if (!*ended) {
    complain(what + " is still open, although its edge was asked to end it; see the edge's log");
    return kUnavailable;
  }
  complain(what + " has ended; a new one is up to the policies");
  return kOk;
}

}  // namespace cfpipe::edge
