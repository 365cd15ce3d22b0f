#pragma once

#include <string>
#include <string_view>

#include "transport/net/url.h"

namespace cfpipe::edge {

/// A URL of an identity provider: https, or http on this machine, where no one else can read along.
struct ProviderUrl {
  transport::Url url;
  bool plain = false;  ///< http

  std::string authority() const;  ///< what a Host header carries
  std::string str() const;
  /// With further parameters, `a=b&c=d`, in its query.
  std::string with_query(std::string_view query) const;
};

/// Cause::bad_url, with the reason. The host of an http URL must be an address of loopback, `localhost` or a
/// name under it.
Result<ProviderUrl> parse_provider_url(std::string_view text);

}  // namespace cfpipe::edge
