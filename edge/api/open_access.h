#pragma once

#include <string>
#include <string_view>

#include "edge/api/call.h"

namespace cfpipe::edge {

// Sign-ins and open tunnels, of one person or, where `email` is empty, of all.

Answer list_sign_ins(ApiCall& call, const std::string& email);
Answer list_tunnels(ApiCall& call, std::string_view email);
/// Ends the tunnel that the path names, if it is theirs.
Answer end_tunnel(ApiCall& call, std::string_view email);
/// Voids the tokens of a sign-in; again is no fault.
Result<SessionRow> end_sign_in(ApiCall& call, const std::string& session);

}  // namespace cfpipe::edge
