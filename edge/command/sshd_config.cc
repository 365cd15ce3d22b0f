#include "edge/command/sshd_config.h"

#include <fnmatch.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <iomanip>
#include <map>
#include <set>
#include <sstream>

#include "base/access_headers.h"
#include "base/platform/files.h"
#include "base/platform/subprocess.h"
#include "base/text.h"
#include "edge/ca/ssh_ca.h"

namespace cfpipe::edge {
namespace {

constexpr const char* kDropInDirectory = "sshd_config.d";
constexpr const char* kDropIn = "50-cfpipe.conf";
constexpr std::string_view kHeader = "# Written by cfpipe-edge sshd-setup; its --uninstall takes it away.\n";
constexpr std::string_view kBlock = "# application ";
constexpr unsigned kPublicMode = 0644;
constexpr mode_t kDirectoryMode = 0755;
/// What sshd is called by those that manage services: on Debian, and on Red Hat.
constexpr const char* kUnits[] = {"ssh.service", "sshd.service"};
constexpr const char* kSystemdRuns = "/run/systemd/system";
constexpr const char* kSelinux = "/sys/fs/selinux/enforce";
/// sshd_config(5), OpenSSH 9.8 and later.
constexpr const char* kExemptKeyword = "PerSourcePenaltyExemptList";
constexpr const char* kExemptSetting = "persourcepenaltyexemptlist";
/// Unauthenticated connections at which sshd begins to drop some, of all people together; its default is 10.
constexpr unsigned kFewStartups = 10;

Failure sshd_fault(std::string text) {
  return {Stage::config, Cause::bad_option, std::move(text)};
}

std::string first_line(const std::string& text) {
  return printable(std::string_view(text).substr(0, text.find('\n')));
}

std::vector<std::string_view> whole_lines(std::string_view text) {
  std::vector<std::string_view> out;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
    out.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
  return out;
}

struct Paths {
  explicit Paths(const SshdPlace& place) : config(place.config) {
    const std::filesystem::path dir = std::filesystem::absolute(place.config).parent_path();
    keys = dir / kKeysFile;
    drop_in_dir = dir / kDropInDirectory;
    drop_in = drop_in_dir + "/" + kDropIn;
  }
  /// The line that some distributions do not have.
  std::string include_line() const {
    return std::string(kHeader) + "Include \"" + drop_in_dir + "/*.conf\"\n";
  }
  std::string config, keys, drop_in_dir, drop_in;
};

using Settings = std::map<std::string, std::string, std::less<>>;

/// A directory that sshd misses, for as long as it is asked: where it is started by a socket and has not run
/// yet, its service has not made that yet.
class MissingDirectory {
 public:
  explicit MissingDirectory(const std::string& complaint) {
    constexpr std::string_view kMissing = "Missing privilege separation directory: ";
    if (!complaint.starts_with(kMissing)) return;
    const std::string path = first_line(complaint.substr(kMissing.size()));
    if (path.starts_with('/') && ::mkdir(path.c_str(), kDirectoryMode) == 0) path_ = path;
  }
  ~MissingDirectory() {
    if (made()) ::rmdir(path_.c_str());
  }
  MissingDirectory(const MissingDirectory&) = delete;
  MissingDirectory& operator=(const MissingDirectory&) = delete;
  bool made() const { return !path_.empty(); }

 private:
  std::string path_;
};

/// What sshd makes of its configuration, by lower-case keyword; OpenSSH 10.6 prints them as its manual does.
Result<Settings> settings(const SshdPlace& place) {
  const std::vector<std::string> command{place.program, "-T", "-f", place.config};
  ProgramEnd end = run_program(command);
  if (const MissingDirectory directory(end.complaint); directory.made()) end = run_program(command);
  if (!end.well()) return sshd_fault(first_line(end.complaint));
  Settings out;
  std::istringstream lines(end.output);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t space = std::min(line.find(' '), line.size());
    out.emplace(lower(line.substr(0, space)), trimmed(std::string_view(line).substr(space)));
  }
  return out;
}

/// Empty: none, or an sshd that does not know it.
std::string value_of(const Settings& settings, std::string_view keyword) {
  const auto found = settings.find(keyword);
  return found == settings.end() || found->second == "none" ? std::string() : found->second;
}

std::string trusted_keys(const Settings& settings) {
  return value_of(settings, "trustedusercakeys");
}

/// Type and key of a line of public keys, without its comment.
std::string key_of(std::string_view line) {
  std::istringstream words{std::string(line)};
  std::string type, key;
  words >> type >> key;
  return type + " " + key;
}

/// Whether a file of keys that an administrator has written has all of these.
bool holds_keys(const std::string& path, const std::vector<std::string>& lines) {
  const auto text = read_file(path);
  if (!text || !*text) return false;
  std::set<std::string> there;
  for (const std::string_view line : whole_lines(**text)) there.insert(key_of(line));
  return std::all_of(lines.begin(), lines.end(),
                     [&](const std::string& line) { return there.contains(key_of(line)); });
}

/// The drop-in's line for the edge's addresses: as it is in `before`, or as it has to be; empty if sshd does
/// not know it or has all that is asked for elsewhere.
std::string exempt_line(const Settings& present, std::string_view before,
                        const std::vector<std::string>& addresses) {
  if (!present.contains(kExemptSetting)) return {};
  const std::string now = value_of(present, kExemptSetting);
  const std::string wanted = exempt_list(now, addresses);
  const bool ours = before.find(kExemptKeyword) != std::string_view::npos;
  if (wanted.empty() || (!ours && wanted == now)) return {};
  return std::string(kExemptKeyword) + " " + wanted + "\n";
}

FileChange change_of(std::string path, std::optional<std::string> before, std::string after) {
  FileChange change{std::move(path), std::move(before), std::move(after)};
  if (change.after->empty()) change.after.reset();
  return change;
}

/// The mode of one that is there stays.
Result<void> write(const std::string& path, const std::optional<std::string>& content) {
  if (!content) {
    std::error_code error;
    std::filesystem::remove(path, error);
    return error ? Result<void>(sshd_fault(path + ": " + error.message())) : Result<void>();
  }
  struct stat info {};
  const mode_t mode = ::stat(path.c_str(), &info) == 0 ? info.st_mode & 07777 : kPublicMode;
  if (auto replaced = replace_file(path, *content, kPublicMode); !replaced)
    return sshd_fault(replaced.error().detail);
  if (::chmod(path.c_str(), mode) != 0) return sshd_fault(path + ": its mode cannot be set");
  if (::access(kSelinux, F_OK) == 0) run_program({"restorecon", path});
  return {};
}

bool is_sshd(pid_t pid, const std::string& program) {
  std::error_code error;
  const auto running = std::filesystem::read_symlink("/proc/" + std::to_string(pid) + "/exe", error);
  return !error && running.filename() == std::filesystem::path(program).filename();
}

}  // namespace

std::string with_keys_of(std::string_view text, std::string_view app, const std::vector<std::string>& lines) {
  std::string out;
  bool ours = false;
  for (const std::string_view line : whole_lines(text)) {
    if (line.starts_with(kBlock))
      ours = trimmed(line.substr(kBlock.size(), line.find('\n') - kBlock.size())) == app;
    if (!ours && line != kHeader) out += line;
  }
  if (!out.empty() && out.back() != '\n') out += "\n";
  if (!lines.empty()) {
    out += std::string(kBlock) + std::string(app) + "\n";
    for (const std::string& line : lines) out += line + "\n";
  }
  return out.empty() ? out : std::string(kHeader) + out;
}

bool includes(std::string_view config, const std::string& path) {
  for (const std::string_view line : whole_lines(config)) {
    std::istringstream words{std::string(line)};
    std::string keyword, pattern;
    words >> keyword;
    if (same_text(keyword, "Match")) return false;
    if (!same_text(keyword, "Include")) continue;
    while (words >> std::quoted(pattern)) {
      if (!pattern.starts_with('/')) pattern = "/etc/ssh/" + pattern;
      if (::fnmatch(pattern.c_str(), path.c_str(), FNM_PATHNAME) == 0) return true;
    }
  }
  return false;
}

std::string exempt_list(std::string_view present, const std::vector<std::string>& addresses) {
  std::vector<std::string> all;
  const auto add = [&all](std::string_view one) {
    if (!one.empty() && std::find(all.begin(), all.end(), one) == all.end()) all.emplace_back(one);
  };
  while (!present.empty()) {
    const std::size_t end = std::min(present.find(','), present.size());
    add(trimmed(present.substr(0, end)));
    present.remove_prefix(std::min(end + 1, present.size()));
  }
  for (const std::string& address : addresses) add(address);
  std::string out;
  for (const std::string& one : all) out += (out.empty() ? "" : ",") + one;
  return out;
}

std::vector<std::string> sshd_advice(const SshdPlace& place) {
  std::vector<std::string> out;
  const auto present = settings(place);
  if (!present) return out;
  if (present->contains(kExemptSetting) && value_of(*present, kExemptSetting).empty())
    out.emplace_back(
        "this sshd locks out an address after some failures, and all people come from the edge's: run this "
        "again with --edge-address, the edge's address as this server sees it");
  const std::string startups = value_of(*present, "maxstartups");
  unsigned start = 0;
  const auto [end, error] = std::from_chars(startups.data(), startups.data() + startups.size(), start);
  if (error == std::errc() && end != startups.data() && start <= kFewStartups)
    out.emplace_back("MaxStartups " + startups +
                     " of this sshd is for all people behind the edge together; more of them, such as "
                     "100:30:200, let many sign in at once");
  return out;
}

Result<std::vector<FileChange>> plan_sshd_setup(const SshdPlace& place, const SshdWishes& wishes) {
  const Paths paths(place);
  const auto present = settings(place);
  if (!present)
    return sshd_fault("sshd does not take its configuration as it is; mend that first: " +
                      present.error().detail);
  const std::string trusted = trusted_keys(*present);
  // What an administrator has put into another file is left there.
  const bool elsewhere = !wishes.lines.empty() && !trusted.empty() && trusted != paths.keys;
  if (elsewhere && !holds_keys(trusted, wishes.lines))
    return sshd_fault("sshd trusts the keys in " + trusted +
                      " already, and takes one such file only; add these to it");
  auto config = read_file(paths.config);
  if (!config) return sshd_fault(config.error().detail);
  if (!*config) return sshd_fault(paths.config + " does not exist");
  const auto keys = read_file(paths.keys);
  if (!keys) return sshd_fault(keys.error().detail);
  const auto drop_in = read_file(paths.drop_in);
  if (!drop_in) return sshd_fault(drop_in.error().detail);

  const std::string wanted_keys =
      elsewhere ? keys->value_or("") : with_keys_of(keys->value_or(""), wishes.app, wishes.lines);
  std::string wanted_drop_in, wanted_config = **config;
  if (!wanted_keys.empty()) wanted_drop_in = "TrustedUserCAKeys \"" + paths.keys + "\"\n";
  if (!wanted_keys.empty() || elsewhere)
    wanted_drop_in += exempt_line(*present, drop_in->value_or(""), wishes.edge_addresses);
  if (!wanted_drop_in.empty()) {
    wanted_drop_in.insert(0, kHeader);
    if (!includes(wanted_config, paths.drop_in)) wanted_config = paths.include_line() + wanted_config;
  } else if (wanted_config.starts_with(paths.include_line())) {
    wanted_config.erase(0, paths.include_line().size());
  }
  std::vector<FileChange> changes{change_of(paths.keys, *keys, wanted_keys),
                                  change_of(paths.drop_in, *drop_in, wanted_drop_in),
                                  {paths.config, *config, wanted_config}};
  std::erase_if(changes, [](const FileChange& change) { return change.before == change.after; });
  return changes;
}

Result<void> change_sshd(const SshdPlace& place, const std::vector<FileChange>& changes) {
  const Paths paths(place);
  const bool made = ::mkdir(paths.drop_in_dir.c_str(), kDirectoryMode) == 0;
  if (made) ::chmod(paths.drop_in_dir.c_str(), kDirectoryMode);  // whatever the umask
  const auto undone = [&](std::string why) {
    undo(changes);
    if (made) ::rmdir(paths.drop_in_dir.c_str());
    return sshd_fault("nothing was changed: " + std::move(why));
  };
  for (const FileChange& change : changes)
    if (auto written = write(change.path, change.after); !written) return undone(written.error().detail);
  const auto present = settings(place);
  if (!present) return undone("sshd does not take it: " + present.error().detail);
  std::error_code error;
  const bool wanted = std::filesystem::exists(paths.keys, error);
  if (wanted && trusted_keys(*present) != paths.keys)
    return undone("sshd does not come to use " + paths.drop_in + "; is its Include inside a Match block of " +
                  paths.config + "?");
  return {};
}

void undo(const std::vector<FileChange>& changes) {
  for (const FileChange& change : changes) (void)write(change.path, change.before);
}

Result<std::string> reload_sshd(const SshdPlace& place) {
  if (::access(kSystemdRuns, F_OK) == 0) {
    for (const char* unit : kUnits) {
      if (!run_program({"systemctl", "--quiet", "is-active", unit}).well()) continue;
      const ProgramEnd end = run_program({"systemctl", "reload", unit});
      if (!end.well()) return sshd_fault("sshd could not be reloaded: " + first_line(end.complaint));
      return std::string(unit) + " reloaded";
    }
    return std::string("sshd does not run at present; it will read this when it starts");
  }
  const auto present = settings(place);
  if (!present) return sshd_fault(present.error().detail);
  const auto file = present->find("pidfile");
  const auto text = file == present->end() ? Result<std::optional<std::string>>(std::optional<std::string>())
                                           : read_file(file->second);
  if (!text || !*text) return std::string("no sshd is known to run; it will read this when it starts");
  const std::string number(trimmed(**text));
  pid_t pid = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), pid);
  if (error != std::errc() || end != number.data() + number.size() || pid <= 1 ||
      !is_sshd(pid, place.program))
    return std::string("no sshd is known to run; it will read this when it starts");
  if (::kill(pid, SIGHUP) != 0)
    return sshd_fault("sshd could not be reloaded: process " + number + " cannot be signalled");
  return "sshd (process " + number + ") reloaded";
}

}  // namespace cfpipe::edge
