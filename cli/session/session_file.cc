#include "cli/session/session_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <cerrno>
#include <climits>
#include <cstdint>

#include "auth/state/state_dir.h"
#include "base/json.h"
#include "base/platform/temporary_file.h"
#include "base/text.h"

namespace cfpipe::cli {
namespace json = boost::json;
namespace {

constexpr std::string_view kSuffix = ".session";
/// Random bytes in a name.
constexpr std::size_t kNameBytes = 9;
/// The last second of the year 9999, as Unix time: later ones have no date that fits a column.
constexpr std::int64_t kLatest = 253'402'300'799;
/// A read that meets a write may see a part of each; the next one will not.
constexpr int kReads = 3;

std::string directory_in(const std::string& state_directory) {
  return state_directory + "/sessions";
}

bool is_within(std::int64_t value, std::int64_t least, std::int64_t most) {
  return least <= value && value <= most;
}

/// Empty if there is none, or it is a link, or others may write it.
Directory open_private_directory(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return {};
  struct stat info {};
  const bool is_private =
      ::fstat(fd, &info) == 0 && info.st_uid == ::geteuid() && (info.st_mode & (S_IWGRP | S_IWOTH)) == 0;
  Directory directory(is_private ? ::fdopendir(fd) : nullptr);
  if (!directory) ::close(fd);
  return directory;
}

std::optional<std::string> content_of(const OwnFile& file) {
  std::string content(kSessionFileBytes, '\0');
  const ssize_t count = ::pread(file.fd.get(), content.data(), content.size(), 0);
  if (count != static_cast<ssize_t>(content.size())) return std::nullopt;
  return content;
}

/// Readers share the lock among each other, so that only the file's own process can refuse it to them.
std::optional<OpenSession> look_at(const std::string& path) {
  const auto file = open_own_file(path);
  if (!file || !*file) return std::nullopt;
  if (::flock((*file)->fd.get(), LOCK_SH | LOCK_NB) == 0) {
    ::unlink(path.c_str());
    return std::nullopt;
  }
  if (errno != EWOULDBLOCK || (*file)->info.st_size != static_cast<off_t>(kSessionFileBytes))
    return std::nullopt;
  for (int i = 0; i < kReads; ++i) {
    const auto content = content_of(**file);
    auto session = content ? parse_session(*content) : std::nullopt;
    if (session) return session;
  }
  return std::nullopt;
}

}  // namespace

std::string session_text(const OpenSession& session) {
  const TunnelCounts tunnels = session.tunnels.value_or(TunnelCounts());
  std::string text = json::serialize(json::object{{"process", session.process},
                                                  {"since", session.since},
                                                  {"application", session.application},
                                                  {"destination", session.destination},
                                                  {"user", session.user},
                                                  {"listens", session.listens},
                                                  {"tunnels", tunnels.open},
                                                  {"detached", tunnels.detached},
                                                  {"detached_since", tunnels.detached_since},
                                                  {"resumed", tunnels.resumed}});
  if (text.size() >= kSessionFileBytes) return {};
  text.resize(kSessionFileBytes - 1, ' ');
  return text + '\n';
}

std::optional<OpenSession> parse_session(std::string_view content) {
  if (content.empty() || content.size() > kSessionFileBytes) return std::nullopt;
  const auto object = parse_json_object(content);
  if (!object) return std::nullopt;
  const auto number = [&object](std::string_view name) { return number_of(*object, name); };
  const auto text = [&object](std::string_view name) {
    return printable(text_of(*object, name), kSessionFileBytes);
  };
  const std::int64_t process = number("process"), open = number("tunnels"), detached = number("detached");
  const bool fits = is_within(process, 1, INT_MAX) && is_within(open, 0, INT_MAX) &&
                    is_within(detached, 0, open) && is_within(number("since"), 0, kLatest) &&
                    is_within(number("detached_since"), 0, kLatest) &&
                    is_within(number("resumed"), 0, INT64_MAX);
  if (!fits) return std::nullopt;
  OpenSession out;
  out.process = static_cast<int>(process);
  out.since = number("since");
  out.application = text("application");
  out.destination = text("destination");
  out.user = text("user");
  out.listens = text("listens");
  out.tunnels = TunnelCounts{static_cast<int>(open), static_cast<int>(detached), number("detached_since"),
                             number("resumed")};
  return out;
}

Result<SessionFile> SessionFile::make(const std::string& state_directory, const OpenSession& session) {
  const auto directory = auth::StateDir::at(directory_in(state_directory));
  if (!directory) return directory.error();
  const std::string text = session_text(session);
  if (text.empty()) return Failure(Stage::state, Cause::state_write_failed, "a session file has no room");
  auto file = TemporaryFile::make(directory->path(), text, S_IRUSR | S_IWUSR, Durability::none);
  if (!file) return file.error();
  std::string path = directory->path() + '/' + random_id(kNameBytes) + std::string(kSuffix);
  Fd held;
  if (const int error = file->place_locked(path, held); error != 0)
    return state_failure(Cause::state_write_failed, path, error);
  return SessionFile(std::move(path), std::move(held));
}

SessionFile::~SessionFile() {
  if (fd_) ::unlink(path_.c_str());
}

int SessionFile::rewrite(const OpenSession& session) const {
  const std::string text = session_text(session);
  if (text.empty()) return EFBIG;
  const ssize_t count = ::pwrite(fd_.get(), text.data(), text.size(), 0);
  if (count < 0) return errno;
  return count == static_cast<ssize_t>(text.size()) ? 0 : EIO;
}

std::vector<OpenSession> read_session_files(const std::string& state_directory) {
  std::vector<OpenSession> out;
  const std::string path = directory_in(state_directory);
  const Directory directory = open_private_directory(path);
  for (int i = 0; directory && i < kSessionEntries && out.size() < kMaxSessionFiles; ++i) {
    const dirent* entry = ::readdir(directory.get());
    if (entry == nullptr) break;
    const std::string name = entry->d_name;
    if (!std::string_view(name).ends_with(kSuffix)) continue;
    auto session = look_at(path + '/' + name);
    if (session) out.push_back(std::move(*session));
  }
  return out;
}

}  // namespace cfpipe::cli
