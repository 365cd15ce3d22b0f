#pragma once

#include <memory>

#include "cli/options/options.h"
#include "transport/tls/client_certificate.h"

namespace cfpipe::cli {

/// What --cert and --key-file name; null where they are not given. The key's file has to be ours alone.
/// Stage::config.
Result<std::shared_ptr<const transport::ClientCertificate>> client_certificate(const Options& options);

}  // namespace cfpipe::cli
