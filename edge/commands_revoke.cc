#include <algorithm>
#include <ctime>

#include "edge/access_site.h"
#include "edge/commands.h"
#include "edge/text.h"

namespace cfpipe::edge {
namespace {

/// The longest that a token of a session is good: one made at the session's very end.
constexpr std::int64_t kLastTokenSeconds = 2 * std::chrono::seconds(kMaxSession).count();

bool is_session_name(const std::string& text) {
  return text.size() == kSessionNameCharacters && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                  c == '_';
         });
}

}  // namespace

int revoke_person(const StateOption& option, const std::string& email) {
  if (!valid_email(email)) {
    complain("say whose: --email with an email address, or --session with a session that the audit names");
    return kUsage;
  }
  auto state = open_state(option, true);
  if (!state) return complain(state.error());
  const std::int64_t now = std::time(nullptr);
  const std::string person = lower(email);
  // First, because a revocation that nobody could account for is still better than none.
  if (const auto done = (*state)->revoke_person(person, now); !done) return complain(done.error());
  if (const int status = record_action(**state, {"revoke", person, {}, {}}); status != kOk) return status;
  complain("the tokens of " + person + " issued until " + rfc3339(now) +
           " are void, and a running edge ends what they have opened; a new sign-in is up to the identity "
           "provider and the policies");
  return kOk;
}

int revoke_session(const StateOption& option, const std::string& session) {
  if (!is_session_name(session)) {
    complain("--session must be a session as the audit names it: 16 characters");
    return kUsage;
  }
  auto state = open_state(option, true);
  if (!state) return complain(state.error());
  const std::int64_t now = std::time(nullptr);
  AuditRow login;
  const auto read = (*state)->read_audit(now - kLastTokenSeconds, [&](const AuditRow& row) {
    if (row.kind == "login" && row.reason == session_note(session)) login = row;
  });
  if (!read) return complain(read.error());
  if (login.identity.empty()) {
    complain(
        "the audit knows no sign-in with that session whose tokens could still be good; see cfpipe-edge "
        "audit");
    return kUsage;
  }
  if (const auto done = (*state)->revoke_session(session, now + kLastTokenSeconds, now); !done)
    return complain(done.error());
  if (const int status = record_action(**state, {"revoke", login.identity, {}, session_note(session)});
      status != kOk)
    return status;
  complain("the tokens of the session that " + login.identity + " began at " + rfc3339(login.time) +
           " are void, and a running edge ends what they have opened; other sessions go on");
  return kOk;
}

}  // namespace cfpipe::edge
