#pragma once

#include <exception>
#include <string>

#include "base/error.h"

namespace cfpipe::transport {

/// True for the errno values that say that this process, or the machine, has no descriptors or no memory
/// left.
bool is_shortage(int error);

/// Cause::system_short where `error` is a shortage, `otherwise` where it is not. The detail is
/// `<what>: <words of errno>`.
Failure system_failure(Stage stage, Cause otherwise, const std::string& what, int error);

/// What a caught exception amounts to. Out of memory, descriptors or threads: Cause::system_short; all else
/// is Cause::internal, also that there is none.
Failure failure_of_exception(const std::exception_ptr& thrown, Stage stage);

}  // namespace cfpipe::transport
