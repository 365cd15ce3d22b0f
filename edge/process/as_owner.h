#pragma once

#include <cstddef>
#include <functional>
#include <string>

#include "base/error.h"
#include "service/owner.h"

namespace cfpipe::edge {

/// Largest output of a child process that is kept, in bytes.
inline constexpr std::size_t kMaxChildOutputBytes = 64 * 1024 * 1024;
/// The account that the packaged service runs as. Before the service has run there is no state directory, and
/// then the state belongs to this account if the directory is its home.
inline constexpr const char* kServiceAccount = "cfpipe-edge";

using service::Keep;
using service::Missing;

/// Makes a process of root's one of the user that the state directory belongs to, for good: groups, user and
/// capabilities. Does nothing for other users, and where the directory is root's or has no owner yet.
/// To be called before there are threads. Stage::state.
Result<void> become_owner(const std::string& state_dir, Keep keep = Keep::nothing,
                          Missing missing = Missing::left);

/// What is wrong with the state directory for this process: it belongs to another user, or may not be looked
/// into. A directory that is missing is fine. Stage::state, with the next step in the detail.
Result<void> check_owner(const std::string& state_dir);

/// How a child process ended.
struct ChildEnd {
  int status = 0;      ///< its exit status; kUnavailable if it was killed
  std::string output;  ///< at most kMaxChildOutputBytes; nothing of a larger one, which is a failure
};
/// Runs `work` in a child process. The child may become the state's owner while this process goes on as root
/// and writes where root alone may. `work` fills the output, reports its own failures, and returns the exit
/// status. To be called before there are threads. Stage::state if there is no child.
Result<ChildEnd> run_in_child(const std::function<int(std::string& output)>& work);

}  // namespace cfpipe::edge
