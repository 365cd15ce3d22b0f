
#include "auth/ssh/key.h"
#include "base/text.h"
#include "edge/api/operations.h"
#include "edge/command/commands.h"
#include "edge/process/listing.h"

namespace cfpipe::edge {

int host_key_list(const StateOption& option, bool json) {
  auto store = open_store(option, true);
  if (!store) return complain(store.error());
  const auto rows = (*store)->host_keys().list();
  if (!rows) return complain(rows.error());
  std::vector<boost::json::object> listed;
  for (const HostKeyRow& row : *rows) {
    const auto key = auth::parse_public_key_line(row.line);
    listed.push_back({{"application", row.hostname},
                      {"origin", row.origin},
                      {"type", key ? key->type : "?"},
                      {"fingerprint", key ? auth::fingerprint(key->blob) : "?"},
                      {"first_seen", rfc3339(row.time)}});
  }
  print_list({"application", "origin", "type", "fingerprint", "first_seen"}, listed, json);
  return kOk;
}

int host_key_forget(const StateOption& option, const std::string& hostname) {
  auto store = open_store(option, true);
  if (!store) return complain(store.error());
  const auto done = operations(**store).forget_host_keys(hostname);
  return done ? kOk : complain(done.error());
}

}  // namespace cfpipe::edge
