#include "service/owner.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <optional>
#include <utility>

#include "base/platform/files.h"
#include "base/platform/own_file.h"
#include "base/shortage.h"

namespace cfpipe::service {
namespace {

constexpr uid_t kRoot = 0;
/// Group of an owner that has neither an account nor a group but root's.
constexpr gid_t kNoGroup = 65534;
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

/// That account, if the directory is its home.
std::optional<Account> account_at_home(const std::string& state_dir, const char* name) {
  const passwd* entry = ::getpwnam(name);
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

}  // namespace

Result<void> check_owner(const std::string& state_dir, const char* who) {
  struct stat info {};
  if (::stat(state_dir.c_str(), &info) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return {};
    const int error = errno;
    const std::string next =
        error == EACCES ? std::string("; run this as root (sudo), or as the ") + who + "'s user" : "";
    return Failure(Stage::state, Cause::state_unreadable, state_dir + ": " + std::strerror(error) + next);
  }
  return info.st_uid == ::geteuid() ? Result<void>() : foreign_directory(state_dir, info);
}

Result<void> become_owner(const std::string& state_dir, const char* account, Keep keep, Missing missing) {
  if (::geteuid() != kRoot) return {};
  struct stat info {};
  std::optional<Account> owner;
  if (::stat(state_dir.c_str(), &info) == 0) {
    owner = account_of(info);
  } else if (errno == ENOENT) {
    owner = account_at_home(state_dir, account);
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

}  // namespace cfpipe::service
