#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/platform/own_file.h"
#include "cli/session/open_sessions.h"

namespace cfpipe::cli {

/// Size of a session file, in bytes: always the same, so that one write replaces all of it.
inline constexpr std::size_t kSessionFileBytes = 4096;
/// Most directory entries that one look at the session files takes, and most sessions that it finds.
inline constexpr int kSessionEntries = 4096;
inline constexpr std::size_t kMaxSessionFiles = 256;

/// The content of a session file: a JSON object, and blanks up to kSessionFileBytes. Empty if that is too
/// small.
std::string session_text(const OpenSession& session);
/// The session that such a content tells of, with printable text alone; nothing on any other content.
std::optional<OpenSession> parse_session(std::string_view content);

/// The file in which this process tells `cfpipe status` of its tunnels: `sessions/<random>.session` in the
/// state directory, 0600. An flock lasts as long as the process, so that what a killed one leaves is known
/// for that. The destructor removes it.
class SessionFile {
 public:
  /// Stage::state, also where the file system has no locks.
  static Result<SessionFile> make(const std::string& state_directory, const OpenSession& session);
  SessionFile(SessionFile&&) noexcept = default;
  SessionFile& operator=(SessionFile&&) = delete;
  ~SessionFile();

  /// 0 or an errno.
  int rewrite(const OpenSession& session) const;

 private:
  SessionFile(std::string path, Fd fd) : path_(std::move(path)), fd_(std::move(fd)) {}
  std::string path_;
  Fd fd_;  ///< none: moved from
};

/// What the living processes of this user tell. Removes the files of those that were killed. Links, files of
/// other users, and what no SessionFile has written are passed over.
std::vector<OpenSession> read_session_files(const std::string& state_directory);

}  // namespace cfpipe::cli
