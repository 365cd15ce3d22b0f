#include "base/shortage.h"

#include <boost/system/system_error.hpp>
#include <cerrno>
#include <new>
#include <system_error>

namespace cfpipe {
namespace {

/// EAGAIN is how the system refuses another thread or process; a system call of ours that only would have to
/// wait does not throw.
bool refuses_more(int error) {
  return is_shortage(error) || error == EAGAIN;
}

Failure thrown_failure(Stage stage, int error, const char* what) {
  return {stage, refuses_more(error) ? Cause::system_short : Cause::internal, printable(what)};
}

}  // namespace

bool is_shortage(int error) {
  return error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS;
}

Failure system_failure(Stage stage, Cause otherwise, const std::string& what, int error) {
  const std::string words = std::generic_category().message(error);
  return {stage, is_shortage(error) ? Cause::system_short : otherwise, what + ": " + words};
}

Failure failure_of_exception(const std::exception_ptr& thrown, Stage stage) {
  if (!thrown) return {stage, Cause::internal, "ended without an exception"};
  try {
    std::rethrow_exception(thrown);
  } catch (const std::bad_alloc&) {
    return {stage, Cause::system_short, std::generic_category().message(ENOMEM)};
  } catch (const boost::system::system_error& error) {
    return thrown_failure(stage, error.code().value(), error.what());
  } catch (const std::system_error& error) {
    return thrown_failure(stage, error.code().value(), error.what());
  } catch (const std::exception& error) {
    return {stage, Cause::internal, printable(error.what())};
  } catch (...) {
    return {stage, Cause::internal, "unknown exception"};
  }
}

}  // namespace cfpipe
