#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "auth/application.h"
#include "auth/state_dir.h"

namespace cfpipe::auth {

std::string app_token_file(const Application& app);        ///< `<app_hostname>-<AUD>-token`
std::string org_token_file(std::string_view auth_domain);  ///< `<auth_domain>-org-token`

/// The cached app token if it is good at `now`; an expired, malformed or foreign one is removed.
Result<std::optional<Secret>> cached_app_token(const StateDir& dir, const Application& app, std::int64_t now);
Result<std::optional<Secret>> cached_org_token(const StateDir& dir, std::string_view auth_domain,
                                               std::int64_t now);

}  // namespace cfpipe::auth
