#include <cstdio>
#include <ctime>

#include "edge/commands.h"
#include "edge/service_tokens.h"
#include "edge/text.h"

namespace cfpipe::edge {
namespace {

int bad_name() {
  complain("a service token's name is of letters, digits, '.', '_' and '-', 64 at most");
  return kUsage;
}

}  // namespace

int service_token_create(const StateOption& option, const std::string& name, const std::string& duration) {
  if (!valid_service_name(name)) return bad_name();
  const auto lifetime = parse_duration(duration);
  if (!lifetime || *lifetime < kMinServiceToken || *lifetime > kMaxServiceToken) {
    complain("--duration must be between 60s and 87600h, such as 8760h or 30d");
    return kUsage;
  }
  auto state = open_state(option, false);
  if (!state) return complain(state.error());
  const std::int64_t now = std::time(nullptr);
  const auto made = ServiceTokens(**state).create(name, *lifetime, now);
  if (!made) return complain(made.error());
  if (!*made) {
    complain("there is a service token " + name + " already; 'cfpipe-edge service-token revoke " + name +
             "' removes it");
    return kBadConfig;
  }
  const std::string until = rfc3339(now + lifetime->count());
  if (const int status = record_action(**state, {"service_token_create", name, {}, "until " + until});
      status != kOk) {
    (void)(*state)->remove_service_token(name);
    return status;
  }
  const std::string secret((*made)->secret.reveal());
  std::printf("TUNNEL_SERVICE_TOKEN_ID=%s\nTUNNEL_SERVICE_TOKEN_SECRET=%s\n", (*made)->client_id.c_str(),
              secret.c_str());
  complain("this is the only time that the secret is shown; it is good until " + until);
  return kOk;
}

int service_token_list(const StateOption& option) {
  auto state = open_state(option, true);
  if (!state) return complain(state.error());
  const auto rows = (*state)->service_tokens();
  if (!rows) return complain(rows.error());
  const std::int64_t now = std::time(nullptr);
  for (const ServiceTokenRow& row : *rows) {
    const std::string used = row.last_used == 0 ? "never" : rfc3339(row.last_used);
    std::printf("%s id=%s created=%s %s=%s last_used=%s\n", row.name.c_str(), row.client_id.c_str(),
                rfc3339(row.created).c_str(), row.expires <= now ? "expired" : "expires",
                rfc3339(row.expires).c_str(), used.c_str());
  }
  return kOk;
}

int service_token_revoke(const StateOption& option, const std::string& name) {
  if (!valid_service_name(name)) return bad_name();
  auto state = open_state(option, true);
  if (!state) return complain(state.error());
  const auto removed = (*state)->remove_service_token(name);
  if (!removed) return complain(removed.error());
  if (!*removed) {
    complain("there is no service token " + name);
    return kBadConfig;
  }
  return record_action(**state, {"service_token_revoke", name, {}, {}});
}

}  // namespace cfpipe::edge
