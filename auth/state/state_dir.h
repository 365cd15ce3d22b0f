#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/platform/own_file.h"
#include "base/platform/temporary_file.h"
#include "base/secret.h"

namespace cfpipe::auth {

/// The directory shared with cloudflared: `$CFPIPE_HOME`, else `~/.cloudflared` (access-protocol, "Files").
/// Every file in it is opened with O_NOFOLLOW, must be ours, and is written whole under another name and
/// renamed.
class StateDir {
 public:
  /// Finds the directory, or creates it (0700). Stage::state: state_foreign_owner if it belongs to another
  /// user, state_writable_by_others if others may write it, state_write_failed if it is missing and cannot be
  /// created.
  static Result<StateDir> open();
  static Result<StateDir> at(std::string path);
  /// An empty directory for use after such a failure, for commands that need no state: every write to it
  /// fails.
  static StateDir missing();

  const std::string& path() const { return path_; }
  std::string file(std::string_view name) const;  ///< path() + '/' + safe_name(name)

  /// Content of a file; nothing if there is none. Fails for a symlink, a file of another user, one that
  /// others may write, and one beyond the bound (Stage::state, the path in detail).
  Result<std::optional<Secret>> read(std::string_view name) const;
  /// Reads and removes the file; nothing if another process took it first.
  Result<std::optional<Secret>> take(std::string_view name) const;
  /// Replaces a file atomically (temporary name in the same directory, fsync unless told otherwise, rename).
  /// Mode 0600 unless given.
  Result<void> write(std::string_view name, std::string_view content, unsigned mode = 0600,
                     Durability durability = Durability::synced) const;
  Result<void> remove(std::string_view name) const;  ///< absent is fine
  /// Removes a file only while it still holds `content`: what another process has put there since is kept.
  Result<void> remove_if(std::string_view name, std::string_view content) const;
  /// Seconds since the last change, or nothing if there is no such file. A change that lies ahead (a clock
  /// was set back) counts as far behind, so that nothing stays fresh for longer than its limit.
  std::optional<std::int64_t> age(std::string_view name) const;
  /// Names of the plain files whose name ends with `suffix`, sorted. Stage::state.
  Result<std::vector<std::string>> list(std::string_view suffix) const;

  /// `/` and `*` become `-`, as cloudflared does. Empty for names that never reach the disk: those with
  /// control characters, `.`, `..` and the empty one.
  static std::string safe_name(std::string_view name);

 private:
  explicit StateDir(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

}  // namespace cfpipe::auth
