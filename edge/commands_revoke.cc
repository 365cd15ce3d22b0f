#include <ctime>

#include "edge/commands.h"
#include "edge/text.h"

namespace cfpipe::edge {

int revoke_person(const StateOption& option, const std::string& email) {
  if (!valid_email(email)) {
    complain("--email must be an email address");
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

}  // namespace cfpipe::edge
