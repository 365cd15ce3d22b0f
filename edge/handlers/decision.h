#pragma once

#include <optional>
#include <string>

#include "edge/handlers/applications.h"
#include "edge/handlers/context.h"
#include "edge/policy/identity.h"
#include "edge/policy/policy.h"

namespace cfpipe::edge {

/// True if the application lets the identity provider of that sign-in vouch for people; true for a service
/// token.
bool accepts_provider(const Application& app, const Identity& identity);
/// What the application's policies say to that identity, from the address `peer`. Null or nothing: a visitor
/// without credentials.
Verdict judge(const std::string& peer, const ApplicationConfig& app, const Identity* identity, Asking asking);
Verdict judge(const Request& request, const Application& app, const std::optional<Identity>& identity,
              Asking asking);
/// Counts a denial, and records it unless there have been too many like it.
void record_denial(EdgeContext& context, RowCause cause, const Request& request, const Application& app,
                   const std::optional<Identity>& who, const std::string& reason);

}  // namespace cfpipe::edge
