#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "auth/application.h"
#include "auth/state_dir.h"

namespace cfpipe::auth {

std::string app_token_file(const Application& app);        ///< `<app_hostname>-<AUD>-token`
std::string org_token_file(std::string_view auth_domain);  ///< `<auth_domain>-org-token`

/// What becomes of a token that cannot be used. It is left by those who only have this machine's clock to
/// tell whether it has expired.
enum class IfUnusable { remove, keep };

/// The cached app token if it is good at `now`; an expired, malformed or foreign one is removed.
Result<std::optional<Secret>> cached_app_token(const StateDir& dir, const Application& app, std::int64_t now,
                                               IfUnusable if_unusable = IfUnusable::remove);
Result<std::optional<Secret>> cached_org_token(const StateDir& dir, std::string_view auth_domain,
                                               std::int64_t now, IfUnusable if_unusable = IfUnusable::remove);

}  // namespace cfpipe::auth
