#pragma once

#include <string_view>

namespace cfpipe::cli {

/// Exit statuses (sysexits.h where it has them). Scripts depend on these.
enum ExitStatus : int {
  kOk = 0,
  kUsage = 64,
  kUnavailable = 69,
  kInternal = 70,
  kLost = 75,
  kProtocol = 76,
  kRefused = 77,
  kConfiguration = 78,
};

/// What a person is told about a cause: what happened, what to do about it; and what a script is told.
struct Words {
  std::string_view what;
  std::string_view hint;
  ExitStatus status;
};

}  // namespace cfpipe::cli
