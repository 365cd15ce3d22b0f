#include <cstdio>
#include <ctime>

#include "base/text.h"
#include "edge/api/operations.h"
#include "edge/command/commands.h"
#include "edge/process/listing.h"

namespace cfpipe::edge {

int service_token_create(const StateOption& option, const std::string& name, const std::string& duration) {
  if (const auto fine = Operations::check_service_token(name, duration); !fine) return complain(fine.error());
  auto store = open_store(option, false);
  if (!store) return complain(store.error());
  const auto made = operations(**store).create_service_token(name, duration);
  if (!made) return complain(made.error());
  const std::string secret(made->secret.reveal());
  std::printf("TUNNEL_SERVICE_TOKEN_ID=%s\nTUNNEL_SERVICE_TOKEN_SECRET=%s\n", made->client_id.c_str(),
              secret.c_str());
  complain("this is the only time that the secret is shown; it is good until " + rfc3339(made->expires));
  return kOk;
}

int service_token_list(const StateOption& option, bool json) {
  auto store = open_store(option, true);
  if (!store) return complain(store.error());
  const auto rows = (*store)->service_tokens().list();
  if (!rows) return complain(rows.error());
  const std::int64_t now = std::time(nullptr);
  std::vector<boost::json::object> listed;
  for (const ServiceTokenRow& row : *rows)
    listed.push_back({{"name", row.name},
                      {"client_id", row.client_id},
                      {"created", rfc3339(row.created)},
                      {"expires", rfc3339(row.expires)},
                      {"expired", row.expires <= now},
                      {"last_used", row.last_used == 0 ? "never" : rfc3339(row.last_used)}});
  print_list({"name", "client_id", "created", "expires", "expired", "last_used"}, listed, json);
  return kOk;
}

int service_token_revoke(const StateOption& option, const std::string& name) {
  auto store = open_store(option, true);
  if (!store) return complain(store.error());
  const auto done = operations(**store).revoke_service_token(name);
  return done ? kOk : complain(done.error());
}

}  // namespace cfpipe::edge
