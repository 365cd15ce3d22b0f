#pragma once

#include <memory>

#include "edge/config/config.h"
#include "transport/dial/proxy_settings.h"

namespace cfpipe::edge {

/// Through which proxy an identity provider is reached, by the configuration, or where that says nothing by
/// the environment. Null: through none. Stage::config: the file with the proxy's login cannot be used.
Result<std::shared_ptr<const transport::ProxySettings>> provider_proxy(
    const OidcConfig& config, const transport::EnvironmentLookup& environment);

/// What is wrong with `proxy` of a configuration; empty: nothing. A login has a file of its own.
std::string proxy_setting_fault(const std::string& proxy);

}  // namespace cfpipe::edge
