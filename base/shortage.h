#pragma once

#include <exception>
#include <string>

#include "base/error.h"

namespace cfpipe {

/// True for the errno values of a process or machine without free descriptors or memory.
bool is_shortage(int error);

/// Cause::system_short if `error` is a shortage, else `otherwise`. The detail is `<what>: <text of errno>`.
Failure system_failure(Stage stage, Cause otherwise, const std::string& what, int error);

/// The failure for a caught exception: Cause::system_short if memory, descriptors or threads are exhausted,
/// else Cause::internal, also for a null pointer.
Failure failure_of_exception(const std::exception_ptr& thrown, Stage stage);

}  // namespace cfpipe
