#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <string_view>

#include "auth/discovery/context.h"

namespace cfpipe::auth {

/// Age in seconds up to which a cached key set is used, and up to which a failed verification does not fetch
/// it again.
inline constexpr std::int64_t kJwksMaxAge = 24 * 3600;
inline constexpr std::int64_t kJwksMinRefetchAge = 60;

/// The file that remembers auth domains named with --auth-domain, one per line.
inline constexpr std::string_view kTrustedDomainsFile = "trusted-auth-domains";

/// The auth domains to trust: the built-in suffix, the remembered ones, and `named` if it is not empty.
Result<TrustedDomains> load_trusted_domains(const StateDir& state, std::string_view named);

/// The application of access.app, from metadata of its host that the keys of its auth domain verify
/// (access-protocol, "Finding the application"); from its redirect if the host signs nothing
/// (redirect_discovery). Remembers the application, and access.named_domain once that
/// has vouched for one. Stage::application: not_an_application, untrusted_auth_domain, metadata_invalid,
/// redirect_refused, too_many_requests, edge_unavailable; and dns to http.
boost::asio::awaitable<Result<Application>> discover(const Access& access);

struct FoundApplication {
  Application app;
  bool open = false;  ///< it did not ask for a login (Bypass): a tunnel may need no token
};
/// The same, with how it answered an unauthenticated request. Cause::denied, with the reason, if no login can
/// help.
boost::asio::awaitable<Result<FoundApplication>> find_application(const Access& access);

/// Whether a tunnel may open without a login although find_application() has failed: no application answered,
/// or an origin without one answered 5xx to a plain request.
bool may_be_open(const Failure& failure);

/// Runs discovery again while a tunnel is open: refreshes the cache, or removes the entry if the host does
/// not vouch for it any more.
boost::asio::awaitable<void> check_known_application(const Access& access);

}  // namespace cfpipe::auth
