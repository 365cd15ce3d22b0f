#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace cfpipe::connector {

/// Exit statuses (sysexits.h where it has them), as those of cfpipe.
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

/// What a person is told about a failure, what to do about it, and what a script is told.
struct Words {
  std::string_view what;
  std::string_view hint;
  ExitStatus status;
};
Words words_for(const Failure& failure);

/// `<what>: <detail> (status 403)`, the part of the line that says what happened.
std::string what_text(const Failure& failure);
/// `<stage>: <what>: <detail> (status 403); <what to do>`, without the program's name.
std::string line_for(const Failure& failure);
std::string_view step_name(Stage stage);

}  // namespace cfpipe::connector
