#include "edge/process/as_owner.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <filesystem>
#include <optional>
#include <utility>

#include "base/platform/files.h"
#include "base/platform/own_file.h"
#include "base/shortage.h"
#include "edge/process/console.h"

namespace cfpipe::edge {
namespace {

constexpr uid_t kRoot = 0;
/// Group of an owner that has neither an account nor a group but root's.
constexpr gid_t kNoGroup = 65534;
/// Bytes of the child's output that are read at a time.
constexpr std::size_t kReadBytes = 64 * 1024;

struct Account {
  uid_t user = 0;
  gid_t group = 0;
  std::string name;  ///< empty: the number has no account

  std::string shown() const { return name.empty() ? "user " + std::to_string(user) : name; }
};

Account account_of(const struct stat& info) {
  if (const passwd* entry = ::getpwuid(info.st_uid); entry != nullptr)
    return {entry->pw_uid, entry->pw_gid, entry->pw_name};
  return {info.st_uid, info.st_gid == kRoot ? kNoGroup : info.st_gid, {}};
}

std::string plain_path(const std::string& path) {
  std::string plain = std::filesystem::path(path).lexically_normal().string();
  while (plain.size() > 1 && plain.ends_with('/')) plain.pop_back();
  return plain;
}

/// The service's account, if the directory is its home.
std::optional<Account> account_at_home(const std::string& state_dir) {
  const passwd* entry = ::getpwnam(kServiceAccount);
  if (entry == nullptr || plain_path(entry->pw_dir) != plain_path(state_dir)) return std::nullopt;
  return Account{entry->pw_uid, entry->pw_gid, entry->pw_name};
}

Failure directory_failure(const std::string& path, int error) {
  return system_failure(Stage::state, Cause::state_write_failed, path, error);
}

/// By descriptor, so that it is the new directory and no other that is given away.
Result<void> make_directory_for(const Account& account, const std::string& path) {
  if (::mkdir(path.c_str(), S_IRWXU) != 0) return directory_failure(path, errno);
  const Fd made(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!made || ::fchown(made.get(), account.user, account.group) != 0) return directory_failure(path, errno);
  return {};
}

/// No capability is left but the one that may be kept, and no set brings one back.
bool limit_capabilities(Keep keep) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> sets{};
  if (::syscall(SYS_capget, &header, sets.data()) != 0) return false;
  constexpr std::uint32_t kLowPorts = 1U << CAP_NET_BIND_SERVICE;
  const std::uint32_t kept = keep == Keep::low_ports ? sets[0].permitted & kLowPorts : 0;
  sets = {};
  sets[0].permitted = kept;
  sets[0].effective = kept;
  // A kernel without ambient capabilities has none to clear.
  (void)::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  return ::syscall(SYS_capset, &header, sets.data()) == 0;
}

bool is_only(const Account& account) {
  uid_t real = 0, effective = 0, saved = 0;
  if (::getresuid(&real, &effective, &saved) != 0) return false;
  const bool all = real == account.user && effective == account.user && saved == account.user;
  return all && ::setresuid(kRoot, kRoot, kRoot) != 0;
}

/// The first step that fails, or null. The order matters: each step takes away what the next ones need no
/// more.
const char* give_up_root(const Account& account, Keep keep) {
  if (keep == Keep::low_ports && ::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0) return "prctl";
  const int groups = account.name.empty() ? ::setgroups(1, &account.group)
                                          : ::initgroups(account.name.c_str(), account.group);
  if (groups != 0) return "setgroups";
  if (::setresgid(account.group, account.group, account.group) != 0) return "setresgid";
  if (::setresuid(account.user, account.user, account.user) != 0) return "setresuid";
  if (!limit_capabilities(keep)) return "capset";
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return "prctl";
#if defined(__SANITIZE_ADDRESS__)  // the leak checker is a debugger, and a change of user keeps those away
  (void)::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
#endif
  errno = 0;
  return is_only(account) ? nullptr : "getresuid";
}

std::optional<std::string> read_all(int from) {
  std::string output;
  std::array<char, kReadBytes> bytes{};
  for (;;) {
    const ssize_t got = ::read(from, bytes.data(), bytes.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::nullopt;
    if (got == 0) return output;
    output.append(bytes.data(), static_cast<std::size_t>(got));
    if (output.size() > kMaxChildOutputBytes) return std::nullopt;
  }
}

bool write_all(int to, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::write(to, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(put));
  }
  return true;
}

/// The child's whole life; its standard error is this process's.
[[noreturn]] void live_as_child(const std::function<int(std::string&)>& work, int to) {
  int status = kUnavailable;
  try {
    std::string output;
    status = work(output);
    if (status == kOk && !write_all(to, output)) status = kUnavailable;
  } catch (...) {
    status = complain_of_exception(failure_of_exception(std::current_exception(), Stage::state));
  }
  ::_exit(status);
}

}  // namespace

Result<void> check_owner(const std::string& state_dir) {
  struct stat info {};
  if (::stat(state_dir.c_str(), &info) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return {};
    const int error = errno;
    const std::string next = error == EACCES ? "; run this as root (sudo), or as the edge's user" : "";
    return Failure(Stage::state, Cause::state_unreadable, state_dir + ": " + std::strerror(error) + next);
  }
  return info.st_uid == ::geteuid() ? Result<void>() : foreign_directory(state_dir, info);
}

Result<void> become_owner(const std::string& state_dir, Keep keep, Missing missing) {
  if (::geteuid() != kRoot) return {};
  struct stat info {};
  std::optional<Account> owner;
  if (::stat(state_dir.c_str(), &info) == 0) {
    owner = account_of(info);
  } else if (errno == ENOENT) {
    owner = account_at_home(state_dir);
    if (owner && missing == Missing::made)
      if (auto made = make_directory_for(*owner, state_dir); !made) return made;
  }
  if (!owner || owner->user == kRoot) return {};
  if (const char* step = give_up_root(*owner, keep); step != nullptr) {
    const std::string why = errno == 0 ? "root is still there" : std::strerror(errno);
    return Failure(Stage::state, Cause::state_foreign_owner,
                   state_dir + " belongs to " + owner->shown() + ", whom root cannot become here (" + step +
                       ": " + why + "); run this as " + owner->shown());
  }
  return {};
}

Result<ChildEnd> run_in_child(const std::function<int(std::string&)>& work) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0)
    return system_failure(Stage::state, Cause::system_short, "pipe", errno);
  Fd from(ends[0]), to(ends[1]);
  (void)std::fflush(stdout);
  const pid_t child = ::fork();
  if (child < 0) return system_failure(Stage::state, Cause::system_short, "fork", errno);
  if (child == 0) live_as_child(work, to.get());
  to = Fd();
  auto output = read_all(from.get());
  from = Fd();  // a child that has more to say is not waited for
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!WIFEXITED(status)) {
    complain("a process of this command was ended by signal " + std::to_string(WTERMSIG(status)) +
             "; run it again");
    return ChildEnd{kUnavailable, {}};
  }
  if (!output) {
    complain("what the state holds for this is larger than 64 MiB; show this line to the maintainers");
    return ChildEnd{kUnavailable, {}};
  }
  return ChildEnd{WEXITSTATUS(status), std::move(*output)};
}

}  // namespace cfpipe::edge
