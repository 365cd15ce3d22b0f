#include "edge/process/console.h"

#include <spdlog/spdlog.h>

#include <cstdio>
#include <string>

#include "edge/process/logging.h"

namespace cfpipe::edge {

void report(std::string_view text) {
  if (log_format() == LogFormat::json) return spdlog::error("{}", text);
  std::fprintf(stderr, "%.*s\n", static_cast<int>(text.size()), text.data());
}

void complain(std::string_view text) {
  report("cfpipe-edge: " + std::string(text));
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
