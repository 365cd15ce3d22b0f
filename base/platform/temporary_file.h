#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "base/platform/own_file.h"

namespace cfpipe::auth {

/// Whether a file's content is on the disk before it gets its name; if not, a crash may leave it empty.
enum class Durability { none, synced };

/// Age in seconds after which a temporary file is stale where its file system cannot tell whether its maker
/// lives. No maker needs more than a second.
inline constexpr std::int64_t kTemporaryMaxAge = 600;
/// What one sweep looks at, and removes, at most.
inline constexpr int kSweepEntries = 4096;
inline constexpr int kSweepRemovals = 256;

/// `.cfp-` and eight random characters: the base name of everything that is made under one name to be renamed
/// to another. Empty if there are no random numbers.
std::string temporary_name();

/// A new file for a place in `directory`: exact mode, content on disk unless told otherwise. It has no name
/// at all until it is put into place, where the file system can do that (O_TMPFILE); elsewhere it has a
/// temporary_name(), and an flock says that its maker lives. Removed on destruction unless it was put
/// somewhere.
class TemporaryFile {
 public:
  /// Stage::state, the directory in detail.
  static Result<TemporaryFile> make(const std::string& directory, std::string_view content, unsigned mode,
                                    Durability durability = Durability::synced);
  TemporaryFile(TemporaryFile&& other) noexcept;
  TemporaryFile& operator=(TemporaryFile&&) = delete;
  ~TemporaryFile();

  /// Takes the place of whatever is at `path`, in one step. 0 or an errno.
  int replace(const std::string& path);
  /// Takes the place if nothing is there. 0, EEXIST, or another errno.
  int place(const std::string& path);

 private:
  TemporaryFile(std::string directory, unsigned mode, Durability durability);
  int open_nameless();
  int open_named();
  int fill(std::string_view content) const;
  int link_to(const std::string& path) const;
  int take_a_name();
  std::string directory_;
  unsigned mode_;
  Durability durability_;
  Fd fd_;
  std::string name_;  ///< path of the temporary name; empty while there is none
  bool nameless_ = false;
};

/// Removes what killed processes have left under temporary names: files whose maker is dead, and whatever is
/// older than kTemporaryMaxAge. Only this user's; best effort.
void sweep_temporary_files(const std::string& directory);

}  // namespace cfpipe::auth
