#pragma once

#include <string>
#include <vector>

#include "cli/options.h"
#include "transport/secret.h"

namespace cfpipe::cli {

/// What curl is told on a pipe, because whoever lists processes sees its arguments: the token, if there is
/// one, as a header; which authorities to trust and where to connect to, if our own options said so.
std::string curl_config(const Options& options, const transport::Secret& token);

/// curl's arguments: its configuration comes right behind the URL, so that it is about that one, and not
/// about what follows a --next.
std::vector<std::string> curl_arguments(const Options& options, int config_fd);

}  // namespace cfpipe::cli
