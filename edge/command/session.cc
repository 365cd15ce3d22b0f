// Sign-ins of people: those that are good, and an end of them.
#include <ctime>

#include "base/text.h"
#include "edge/api/operations.h"
#include "edge/command/commands.h"
#include "edge/process/listing.h"

namespace cfpipe::edge {

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
                    {"begun", rfc3339(row.begun)},
                    {"expires", rfc3339(row.expires)}});
  print_list({"session", "email", "application", "login_method", "peer", "begun", "expires"}, rows, json);
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

}  // namespace cfpipe::edge
