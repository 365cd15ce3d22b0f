#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "connector/config/messages.h"

namespace cfpipe::connector {

/// Result of one step of `doctor`.
struct Finding {
  enum class Result { ok, failed, skipped };
  std::string stage;
  Result result = Result::skipped;
  std::string detail;                 ///< printable, without secrets; may be empty
  std::chrono::microseconds took{0};  ///< 0 if skipped
  std::optional<Failure> failure;     ///< of a step that failed
};

/// The results in order.
struct Diagnosis {
  std::string title;
  std::vector<Finding> findings;

  /// Of the first step that failed.
  ExitStatus status() const;
  /// Aligned lines for a person; below each that failed what to do about it.
  std::string text() const;
};

}  // namespace cfpipe::connector
