#include "cli/session/open_sessions.h"

#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <ctime>
#include <fstream>
#include <memory>
#include <optional>
#include <string_view>

#include "base/clock.h"
#include "cli/options/parse_options.h"

namespace cfpipe::cli {
namespace {

constexpr std::string_view kProgram = "cfpipe";
/// Longest `status` and `stat` of a process that are read, in bytes; they have about 1500 and 400.
constexpr std::size_t kMaxStatusBytes = 16 * 1024;
/// Of the fields behind the name in /proc/PID/stat: the start, in clock ticks since the system booted.
constexpr std::size_t kStartTimeField = 19;

/// The content of a file, or nothing if there is none or it is longer than `most` bytes.
std::optional<std::string> read(const std::string& path, std::size_t most) {
  std::ifstream file(path, std::ios::binary);
  std::string content(most + 1, '\0');
  file.read(content.data(), static_cast<std::streamsize>(content.size()));
  content.resize(static_cast<std::size_t>(file.gcount()));
  if (file.bad() || content.empty() || content.size() > most) return std::nullopt;
  return content;
}

/// The value in a line `Name:\tvalue` of /proc/PID/status, up to the next blank.
std::string_view field_of(std::string_view status, std::string_view name) {
  const std::string start = "\n" + std::string(name) + ":\t";
  const std::size_t at = status.find(start);
  if (at == std::string_view::npos) return {};
  status.remove_prefix(at + start.size());
  return status.substr(0, status.find_first_of(" \t\n"));
}

/// A running process of this user, with this program's name. The directory's owner does not tell: it is
/// root's for processes that keep their memory private, as this program does.
bool is_ours(const std::string& directory) {
  const auto status = read(directory + "/status", kMaxStatusBytes);
  if (!status) return false;
  const std::string text = "\n" + *status;
  return field_of(text, "Name") == kProgram && field_of(text, "Uid") == std::to_string(::getuid()) &&
         field_of(text, "State") != "Z";
}

std::int64_t start_of(const std::string& directory) {
  const auto stat = read(directory + "/stat", kMaxStatusBytes);
  const std::size_t name_end = stat ? stat->rfind(')') : std::string::npos;
  if (name_end == std::string::npos) return 0;
  std::size_t at = name_end + 1;
  for (std::size_t field = 0; field < kStartTimeField && at != std::string::npos; ++field)
    at = stat->find(' ', at + 1);
  std::int64_t ticks = 0;
  if (at == std::string::npos ||
      std::from_chars(stat->data() + at + 1, stat->data() + stat->size(), ticks).ec != std::errc())
    return 0;
  timespec up{};
  ::clock_gettime(CLOCK_BOOTTIME, &up);
  return unix_now() - (up.tv_sec - ticks / ::sysconf(_SC_CLK_TCK));
}

std::vector<std::string> arguments_of(const std::string& directory) {
  const auto line = read(directory + "/cmdline", kMaxCommandLineBytes);
  std::vector<std::string> out;
  for (std::size_t at = 0; line && at < line->size();) {
    const std::size_t end = std::min(line->find('\0', at), line->size());
    out.push_back(line->substr(at, end - at));
    at = end + 1;
  }
  if (!out.empty()) out.erase(out.begin());
  return out;
}

std::string listens_at(const Options& options) {
  if (!options.listen) return {};
  if (!options.listen->socket_path.empty()) return "unix:" + options.listen->socket_path;
  return host_and_port(options.listen->host, options.listen->port);
}

std::string destination_of(const Options& options) {
  if (!options.names_destination) return {};
  for (const auto& [name, value] : options.headers)
    if (name == kDestinationHeader) return value;
  return {};
}

void sort_by_age(std::vector<OpenSession>& sessions) {
  std::sort(sessions.begin(), sessions.end(), [](const OpenSession& a, const OpenSession& b) {
    return std::pair(a.since, a.process) < std::pair(b.since, b.process);
  });
}

std::optional<OpenSession> session_in(const std::string& directory) {
  if (!is_ours(directory)) return std::nullopt;
  OpenSession out;
  const auto arguments = arguments_of(directory);
  const auto parsed = parse_command_line(arguments, [](const char*) { return nullptr; });
  if (const auto* options = std::get_if<Options>(&parsed)) {
    if (options->command != Command::ssh) return std::nullopt;
    out = session_of(*options);
  } else if (std::find(arguments.begin(), arguments.end(), "ssh") == arguments.end()) {
    return std::nullopt;  // another command, or one that is about to fail
  }
  out.since = start_of(directory);
  return out;
}

/// A process may know its host from its environment alone. In another PID namespace, over the same state
/// directory, another process may have the same number.
bool same_process(const OpenSession& told, const OpenSession& seen) {
  return told.process == seen.process && (seen.application.empty() || told.application == seen.application);
}

}  // namespace

OpenSession session_of(const Options& options) {
  OpenSession out;
  const std::string_view path = options.url.target;
  out.application = options.url.host.text() + (path == "/" ? "" : std::string(path));
  out.user = options.user;
  out.listens = listens_at(options);
  out.destination = destination_of(options);
  return out;
}

std::vector<OpenSession> open_sessions(const std::string& proc) {
  std::vector<OpenSession> out;
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(proc.c_str()), ::closedir);
  while (const dirent* entry = directory ? ::readdir(directory.get()) : nullptr) {
    const std::string_view name = entry->d_name;
    int process = 0;
    const auto number = std::from_chars(name.data(), name.data() + name.size(), process);
    if (number.ec != std::errc() || number.ptr != name.data() + name.size() || process == ::getpid())
      continue;
    auto session = session_in(proc + "/" + std::string(name));
    if (!session) continue;
    session->process = process;
    out.push_back(std::move(*session));
  }
  sort_by_age(out);
  return out;
}

std::vector<OpenSession> merged_sessions(std::vector<OpenSession> told, std::vector<OpenSession> seen) {
  const std::vector<OpenSession> by_themselves = told;
  for (auto& session : seen) {
    const bool has_told = std::any_of(by_themselves.begin(), by_themselves.end(),
                                      [&session](const auto& one) { return same_process(one, session); });
    if (!has_told) told.push_back(std::move(session));
  }
  sort_by_age(told);
  return told;
}

}  // namespace cfpipe::cli
