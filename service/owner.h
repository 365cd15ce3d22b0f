#pragma once

#include <string>

#include "base/error.h"

namespace cfpipe::service {

/// What a process that gives up root keeps of it: nothing, or listening at ports below 1024.
enum class Keep { nothing, low_ports };
/// Whether a state directory that is missing is made, for its owner, by root.
enum class Missing { left, made };

/// Makes a process of root's one of the user that the state directory belongs to, for good: groups, user and
/// capabilities. Does nothing for other users, and where the directory is root's or has no owner yet. A
/// directory that is missing belongs to `account` if it is that account's home.
/// To be called before there are threads. Stage::state.
Result<void> become_owner(const std::string& state_dir, const char* account, Keep keep = Keep::nothing,
                          Missing missing = Missing::left);

/// What is wrong with the state directory for this process: it belongs to another user, or may not be looked
/// into. A directory that is missing is fine. Stage::state, with the next step in the detail: `who` is the
/// service whose user may.
Result<void> check_owner(const std::string& state_dir, const char* who);

}  // namespace cfpipe::service
