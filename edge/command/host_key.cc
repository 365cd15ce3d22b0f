#include <cstdio>
#include <ctime>

#include "auth/ssh/key.h"
#include "base/text.h"
#include "edge/api/operations.h"
#include "edge/command/commands.h"

namespace cfpipe::edge {

int host_key_list(const StateOption& option) {
  auto state = open_state(option, true);
  if (!state) return complain(state.error());
  const auto rows = (*state)->host_keys();
  if (!rows) return complain(rows.error());
  for (const HostKeyRow& row : *rows) {
    const auto key = auth::parse_public_key_line(row.line);
    std::printf("%s %s %s %s since %s\n", row.hostname.c_str(), row.origin.c_str(),
                key ? key->type.c_str() : "?", key ? auth::fingerprint(key->blob).c_str() : "?",
                rfc3339(row.time).c_str());
  }
  return kOk;
}

int host_key_forget(const StateOption& option, const std::string& hostname) {
  auto state = open_state(option, true);
  if (!state) return complain(state.error());
  const auto done = Acts(**state, std::time(nullptr)).forget_host_keys(hostname);
  return done ? kOk : complain(done.error());
}

}  // namespace cfpipe::edge
