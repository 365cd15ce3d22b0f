#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "edge/config/provider_url.h"

namespace cfpipe::edge {

/// How the token endpoint wants to see the client's secret (OpenID Connect Core 1.0, 9): client_secret_basic,
/// client_secret_post, or whichever it takes, where it announces neither.
enum class SecretIn { header, body, either };

/// What an identity provider says of itself (OpenID Connect Discovery 1.0, 3), as far as it is used.
struct ProviderMetadata {
  ProviderUrl authorization;
  ProviderUrl token;
  ProviderUrl keys;
  std::optional<ProviderUrl> userinfo;
  std::optional<ProviderUrl> end_session;
  SecretIn secret_in = SecretIn::either;
  bool names_itself = false;        ///< its redirects say who sent them (RFC 9207)
  std::vector<std::string> faults;  ///< of optional endpoints, which go unused: a sentence each
};

/// Where a provider keeps it.
Result<ProviderUrl> discovery_url(const std::string& issuer);

/// Refuses what is not of exactly this issuer (3, 4.3), lacks an endpoint that a sign-in needs or has one
/// that parse_provider_url refuses, or can do nothing that we can; http endpoints belong to an http issuer
/// alone. A member that is null or empty is absent. Stage::login, Cause::login_failed, the reason in detail.
Result<ProviderMetadata> parse_provider_metadata(std::string_view json, const std::string& issuer);

}  // namespace cfpipe::edge
