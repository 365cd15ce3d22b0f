#pragma once

#include <sys/stat.h>

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/platform/own_file.h"

namespace cfpipe::edge {

using transport::Result;

/// Largest key or certificate file that is read, in bytes.
inline constexpr std::size_t kMaxKeyFileBytes = 256 * 1024;

/// Makes the state directory (0700, parents too). One that exists must be ours and closed to others; an empty
/// one is closed here. What killed processes have left in it under temporary names is removed. Stage::state.
Result<void> prepare_state_dir(const std::string& path);

/// The failure for a directory of another user's, with the next step.
transport::Failure foreign_directory(const std::string& path, const struct stat& info);

/// Replaces the file whole, with exactly this mode: auth::TemporaryFile, its directory flushed. Stage::state.
Result<void> replace_file(const std::string& path, std::string_view content, unsigned mode);
/// Nothing if there is no such file.
Result<std::optional<std::string>> read_file(const std::string& path);

/// A file that was not there before, for its owner only (0600), open for writing. It is removed again unless
/// it is kept.
class NewFile {
 public:
  /// Stage::state; a file or link that is there already is left alone.
  static Result<NewFile> make(const std::string& path);
  NewFile(NewFile&& other) noexcept;
  NewFile& operator=(NewFile&&) = delete;
  ~NewFile();

  int descriptor() const { return file_.get(); }
  const std::string& path() const { return path_; }
  /// On disk when it returns, the name too.
  Result<void> keep();

 private:
  NewFile(std::string path, auth::Fd file) : path_(std::move(path)), file_(std::move(file)) {}
  std::string path_;  ///< empty: nothing is to be removed
  auth::Fd file_;
};

}  // namespace cfpipe::edge
