#include "edge/process/console.h"

#include <unistd.h>

#include <array>
#include <cstdio>
#include <string>

#include "base/log.h"
#include "base/text.h"
#include "service/logging.h"

namespace cfpipe::edge {
namespace {

/// Longest answer to a question, in bytes.
constexpr std::size_t kMaxAnswerBytes = 64;

}  // namespace

void report(std::string_view text) {
  if (service::log_format() == service::LogFormat::json) return spdlog::error("{}", text);
  std::fprintf(stderr, "%.*s\n", static_cast<int>(text.size()), text.data());
}

void complain(std::string_view text) {
  report("cfpipe-edge: " + std::string(text));
}

bool confirmed(std::string_view what, bool yes) {
  if (yes || ::isatty(STDIN_FILENO) != 1 || ::isatty(STDERR_FILENO) != 1) return true;
  std::fprintf(stderr, "cfpipe-edge: this %.*s; go on? [y/N] ", static_cast<int>(what.size()), what.data());
  std::array<char, kMaxAnswerBytes> line{};
  const bool answered = std::fgets(line.data(), static_cast<int>(line.size()), stdin) != nullptr;
  const std::string answer = answered ? lower(trimmed(line.data())) : std::string();
  if (answer == "y" || answer == "yes") return true;
  complain("nothing was changed");
  return false;
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
