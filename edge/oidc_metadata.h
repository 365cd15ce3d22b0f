#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "edge/provider_url.h"

namespace cfpipe::edge {

/// What an identity provider says of itself (OpenID Connect Discovery 1.0, 3), as far as it is used.
struct ProviderMetadata {
  ProviderUrl authorization;
  ProviderUrl token;
  ProviderUrl keys;
  std::optional<ProviderUrl> userinfo;
  std::optional<ProviderUrl> end_session;
  bool secret_in_header = true;  ///< client_secret_basic; else client_secret_post
  bool names_itself = false;     ///< its redirects say who sent them (RFC 9207)
};

/// Where a provider keeps it.
transport::Result<ProviderUrl> discovery_url(const std::string& issuer);

/// Refuses what is not of exactly this issuer (3, 4.3), lacks an endpoint, can do nothing that we can, or has
/// a URL that parse_provider_url refuses; http endpoints belong to an http issuer alone. Stage::login,
/// Cause::login_failed, the reason in detail.
transport::Result<ProviderMetadata> parse_provider_metadata(std::string_view json, const std::string& issuer);

}  // namespace cfpipe::edge
