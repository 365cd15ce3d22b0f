#include "edge/process/console.h"

#include <cstdio>
#include <string>

namespace cfpipe::edge {

void complain(std::string_view text) {
  std::fprintf(stderr, "cfpipe-edge: %.*s\n", static_cast<int>(text.size()), text.data());
}

int complain_of_exception(const Failure& failure) {
  const bool system_short = failure.cause == Cause::system_short;
  complain((system_short ? "" : "internal error: ") + failure.detail +
           (system_short ? "; raise the limit (ulimit -a, LimitNOFILE, MemoryMax), or end what uses it up"
                         : "; show this line to the maintainers"));
  return kUnavailable;
}

int complain(const Failure& failure) {
  if (!failure.detail.empty()) complain(failure.detail);
  switch (failure.stage) {
    case Stage::input:
      return kUsage;
    case Stage::config:
    case Stage::state:
      return kBadConfig;
    default:
      return kUnavailable;
  }
}

}  // namespace cfpipe::edge
