#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "auth/discovery/application.h"
#include "auth/state/state_dir.h"

namespace cfpipe::auth {

std::string app_token_file(const Application& app);        ///< `<app_hostname>-<AUD>-token`
std::string org_token_file(std::string_view auth_domain);  ///< `<auth_domain>-org-token`
/// `<app_hostname>-<auth_domain>-<AUD>-token`: where an app token is kept while the file above holds a token
/// of another issuer that has not expired.
std::string second_app_token_file(const Application& app);

/// What to do with an unusable token. Callers that do not know the edge's clock keep it, since it may not
/// have expired.
enum class IfUnusable { remove, keep };

/// The cached token if it is good at `now` for the application, whose auth domain has to be its issuer. An
/// expired or malformed one, and one for another application of that issuer, is removed. A token of another
/// issuer is left as it is, whatever its time: the hosts of one issuer must not cost those of another their
/// tokens.
Result<std::optional<Secret>> cached_app_token(const StateDir& dir, const Application& app, std::int64_t now,
                                               IfUnusable if_unusable = IfUnusable::remove);
Result<std::optional<Secret>> cached_org_token(const StateDir& dir, const Application& app, std::int64_t now,
                                               IfUnusable if_unusable = IfUnusable::remove);

/// Keeps a token that check_app_token or check_org_token has passed, without replacing one of another issuer
/// that has not expired at `now` by this machine's clock.
Result<void> keep_app_token(const StateDir& dir, const Application& app, const Secret& token,
                            std::int64_t now);
Result<void> keep_org_token(const StateDir& dir, const Application& app, const Secret& token);

/// Removes the cached app token if it still is the one that was rejected.
Result<void> drop_app_token(const StateDir& dir, const Application& app, const Secret& rejected);

}  // namespace cfpipe::auth
