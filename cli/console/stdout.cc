#include "cli/console/stdout.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace cfpipe::cli {

Result<void> write_output(std::string_view text) {
  while (!text.empty()) {
    const ssize_t wrote = ::write(STDOUT_FILENO, text.data(), text.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) {
      return Failure(Stage::input, Cause::local_io, std::strerror(errno));
    }
    text.remove_prefix(static_cast<std::size_t>(wrote));
  }
  return {};
}

}  // namespace cfpipe::cli
