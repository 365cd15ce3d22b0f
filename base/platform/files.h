#pragma once

#include <sys/stat.h>

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/platform/own_file.h"

namespace cfpipe {

/// Largest key or certificate file that is read, in bytes.
inline constexpr std::size_t kMaxKeyFileBytes = 256 * 1024;

/// Creates the state directory and its parents (0700). An existing one must belong to this user and be closed
/// to others; an empty one is made 0700. Temporary files of killed processes are removed. Stage::state.
Result<void> prepare_state_dir(const std::string& path);

/// The failure for a directory of another user, with the next step.
Failure foreign_directory(const std::string& path, const struct stat& info);

/// Replaces the file whole, with exactly this mode: TemporaryFile, its directory flushed. Stage::state.
Result<void> replace_file(const std::string& path, std::string_view content, unsigned mode);
/// The content of a file of at most kMaxKeyFileBytes; nothing if there is no such file. Stage::state.
Result<std::optional<std::string>> read_file(const std::string& path);

/// A new file (0600), open for writing. The destructor removes it unless keep() has succeeded.
class NewFile {
 public:
  /// Fails if there is a file or link already, which stays as it is. Stage::state.
  static Result<NewFile> make(const std::string& path);
  NewFile(NewFile&& other) noexcept;
  NewFile& operator=(NewFile&&) = delete;
  ~NewFile();

  int descriptor() const { return file_.get(); }
  const std::string& path() const { return path_; }
  /// Syncs the file and its directory.
  Result<void> keep();

 private:
  NewFile(std::string path, Fd file) : path_(std::move(path)), file_(std::move(file)) {}
  std::string path_;  ///< of the file to remove, or empty
  Fd file_;
};

}  // namespace cfpipe
