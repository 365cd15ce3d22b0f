#pragma once

#include <string>
#include <vector>

#include "edge/handlers/applications.h"
#include "edge/http/request.h"
#include "edge/policy/identity.h"

namespace cfpipe::edge {

/// The users that a certificate of the application would be for; none where it has no certificates.
std::vector<std::string> users_of(const ApplicationConfig& app, const Identity& identity);
/// The page of the terminal in the browser.
Answer terminal_page(const Request& request, const Application& app, const Identity& identity);

}  // namespace cfpipe::edge
