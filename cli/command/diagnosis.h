#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/console/messages.h"

namespace cfpipe::cli {

/// Result of one stage of `cfpipe doctor`.
struct Finding {
  enum class Result { ok, failed, skipped };
  std::string_view stage;
  Result result = Result::skipped;
  std::string detail;                 ///< printable, without secrets; may be empty
  std::chrono::microseconds took{0};  ///< 0 if skipped
  std::optional<Failure> failure{};   ///< of a stage that failed
};

/// The results in order. At most one has failed; those after it are skipped.
struct Diagnosis {
  std::string host;
  std::string block;  ///< file with the block that said the rest of the options, or empty
  std::vector<Finding> findings;

  const Finding* failed() const;  ///< or null
  ExitStatus status() const;      ///< of the stage that failed, as any command would end with
  /// Aligned lines for a person; below the one that failed what to do about it.
  std::string text() const;
  /// One JSON object and a newline. Its keys are part of the interface: docs/TROUBLESHOOTING.md.
  std::string json() const;
};

}  // namespace cfpipe::cli
