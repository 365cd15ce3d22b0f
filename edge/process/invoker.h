#pragma once

#include <string>

namespace cfpipe::edge {

/// The login name of the user who runs this process, for the audit: that of the login session (loginuid,
/// which sudo and su leave alone), else SUDO_USER where root runs it, else the user's own; a number
/// where it has no name. Of the first call, which has to come before the process changes its user.
const std::string& invoking_user();

}  // namespace cfpipe::edge
