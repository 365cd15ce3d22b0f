#pragma once

#include <string>
#include <vector>

#include "base/secret.h"
#include "cli/options/options.h"

namespace cfpipe::cli {

/// The token as a cookie of the URL's host, in the format of curl's cookie files; empty without a token. A
/// header of our own would go with every URL of the command line and to wherever the answers redirect; curl
/// sends a cookie to its own host alone, and over TLS alone.
std::string curl_cookies(const Options& options, const Secret& token);

/// What curl is told in a file without a name, since its arguments are seen by all who may list processes:
/// where the cookies are (`cookie_path`, none if empty), which authorities to trust, and which proxy to take
/// or where to connect to, if our own options say so.
std::string curl_config(const Options& options, const std::string& cookie_path);

/// curl's arguments: its configuration comes right behind the URL, so that it is about that one, and not
/// about what follows a --next.
std::vector<std::string> curl_arguments(const Options& options, const std::string& config_path);

}  // namespace cfpipe::cli
