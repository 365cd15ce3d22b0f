#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "base/platform/own_file.h"

namespace cfpipe::cli {

/// Size at which a log that rolls is set aside, in bytes; and how many of those are kept (`.1`, the youngest,
/// to
/// `.5`). As with the public client.
inline constexpr off_t kLogRollBytes = 1024 * 1024;
inline constexpr int kLogsKept = 5;

/// A log that any number of our processes append to, each line whole. 0600, even if it was not before; never
/// through a link.
class LogFile {
 public:
  /// Makes the directories that are missing (0700). Stage::config, Cause::state_write_failed.
  static Result<LogFile> open(std::string path, bool rolls);
  /// What cannot be written is lost.
  void append(std::string_view line);

 private:
  LogFile(std::string path, bool rolls, Fd fd) : path_(std::move(path)), rolls_(rolls), fd_(std::move(fd)) {}
  void roll();

  std::string path_;
  bool rolls_;
  Fd fd_;
};

}  // namespace cfpipe::cli
