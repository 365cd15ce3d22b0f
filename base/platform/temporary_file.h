#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "base/platform/own_file.h"

namespace cfpipe {

/// Whether the content is synced before the file gets its name; if not, a crash may leave it empty.
enum class Durability { none, synced };

/// Age in seconds at which a temporary file is stale where the file system has no locks that show whether its
/// process lives. No process needs it longer than a second.
inline constexpr std::int64_t kTemporaryMaxAge = 600;
/// Most directory entries that one sweep checks, and removes.
inline constexpr int kSweepEntries = 4096;
inline constexpr int kSweepRemovals = 256;

/// A base name for a file that is renamed when complete: `.cfp-` and eight random characters. Empty if the
/// system gives no random numbers.
std::string temporary_name();

/// A new file in `directory` with exactly this mode. It has no name until replace() or place() gives it one,
/// where the file system can do that (O_TMPFILE); elsewhere it has a temporary_name(), and an flock shows
/// that its process lives. The destructor removes it if it has no final name.
class TemporaryFile {
 public:
  /// Stage::state, the directory in detail.
  static Result<TemporaryFile> make(const std::string& directory, std::string_view content, unsigned mode,
                                    Durability durability = Durability::synced);
  TemporaryFile(TemporaryFile&& other) noexcept;
  TemporaryFile& operator=(TemporaryFile&&) = delete;
  ~TemporaryFile();

  /// Replaces what is at `path` atomically. Returns 0 or an errno.
  int replace(const std::string& path);
  /// Links the file at `path` if nothing is there. Returns 0, EEXIST, or another errno.
  int place(const std::string& path);
  /// place(), under an flock from before the file has its name and for as long as `held` is open: other
  /// processes never see it without. Returns 0 or an errno, also where the file system has no locks.
  int place_locked(const std::string& path, Fd& held);

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
  std::string name_;  ///< path of the temporary name, or empty
  bool nameless_ = false;
};

/// Removes temporary files of killed processes: those whose process is dead, and those older than
/// kTemporaryMaxAge. Only files of this user; errors are ignored.
void sweep_temporary_files(const std::string& directory);

}  // namespace cfpipe
