#include "base/platform/sandbox.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>

namespace cfpipe {
namespace {

#if defined(__x86_64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
#else
constexpr std::uint32_t kArchitecture = 0;  // no filter
#endif

/// System calls of another ABI of one architecture (x32) begin here.
constexpr std::uint32_t kForeignCalls = 0x40000000;

/// No program of ours needs these.
constexpr std::array kNeverNeeded {
#if !defined(__SANITIZE_ADDRESS__)  // the leak checker is a debugger
  SYS_ptrace,
#endif
      SYS_process_vm_readv, SYS_process_vm_writev, SYS_kcmp, SYS_pidfd_getfd, SYS_bpf, SYS_perf_event_open,
      SYS_userfaultfd, SYS_io_uring_setup, SYS_io_uring_enter, SYS_io_uring_register, SYS_mount, SYS_umount2,
      SYS_pivot_root, SYS_chroot, SYS_move_mount, SYS_open_tree, SYS_fsopen, SYS_fsconfig, SYS_fsmount,
      SYS_fspick, SYS_setns, SYS_unshare, SYS_init_module, SYS_finit_module, SYS_delete_module,
      SYS_kexec_load,
#if defined(SYS_kexec_file_load)
      SYS_kexec_file_load,
#endif
#if defined(SYS_mount_setattr)
      SYS_mount_setattr,
#endif
#if defined(SYS_iopl)
      SYS_iopl, SYS_ioperm, SYS_modify_ldt,
#endif
      SYS_add_key, SYS_request_key, SYS_keyctl, SYS_reboot, SYS_swapon, SYS_swapoff, SYS_acct, SYS_quotactl,
      SYS_settimeofday, SYS_clock_settime, SYS_clock_adjtime, SYS_adjtimex, SYS_sethostname,
      SYS_setdomainname, SYS_syslog, SYS_vhangup, SYS_fanotify_init, SYS_open_by_handle_at, SYS_lookup_dcookie
};
constexpr std::array kPrograms{SYS_execve, SYS_execveat};

constexpr std::uint32_t kNewNamespaces =
    CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;

/// A program for the kernel: instructions of classic BPF over seccomp_data.
class Filter {
 public:
  Filter() {
    load(offsetof(seccomp_data, arch));
    unless_equal(kArchitecture, kRefuse);
    load(offsetof(seccomp_data, nr));
    add(BPF_JMP | BPF_JGE | BPF_K, kForeignCalls, 0, 1);
    answer(kRefuse);
  }
  void refuse(long call) {
    add(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(call), 0, 1);
    answer(kRefuse);
  }
  /// clone() in threads and for children is allowed, with namespaces of their own it is not. clone3(), whose
  /// flags no filter can see, makes them too; what needs them starts with unshare() or setns().
  void allow_the_rest() {
    add(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 3);
    load(offsetof(seccomp_data, args));
    add(BPF_JMP | BPF_JSET | BPF_K, kNewNamespaces, 0, 1);
    answer(kRefuse);
    answer(SECCOMP_RET_ALLOW);
  }
  bool apply() {
    sock_fprog program{static_cast<unsigned short>(code_.size()), code_.data()};
    return ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) == 0;
  }

 private:
  static constexpr std::uint32_t kRefuse = SECCOMP_RET_ERRNO | EPERM;
  void add(unsigned code, std::uint32_t value, std::uint8_t if_true = 0, std::uint8_t if_false = 0) {
    code_.push_back({static_cast<std::uint16_t>(code), if_true, if_false, value});
  }
  void load(std::size_t offset) { add(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset)); }
  void answer(std::uint32_t value) { add(BPF_RET | BPF_K, value); }
  void unless_equal(std::uint32_t value, std::uint32_t then) {
    add(BPF_JMP | BPF_JEQ | BPF_K, value, 1, 0);
    answer(then);
  }
  std::vector<sock_filter> code_;
};

bool filter_calls(bool programs) {
  if (kArchitecture == 0) return false;
  Filter filter;
  for (const long call : kNeverNeeded) filter.refuse(call);
  for (const long call : kPrograms)
    if (!programs) filter.refuse(call);
  filter.allow_the_rest();
  return filter.apply();
}

/// Rights of later versions of Landlock than the header may know.
constexpr std::uint64_t kRefer = 1U << 13;
constexpr std::uint64_t kTruncate = 1U << 14;
constexpr std::uint64_t kMakeSpecial = LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_BLOCK;
constexpr std::uint64_t kMake = LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_DIR |
                                LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |
                                LANDLOCK_ACCESS_FS_MAKE_SYM;
constexpr std::uint64_t kRemove = LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR;

class Ruleset {
 public:
  explicit Ruleset(std::uint64_t handled) {
    landlock_ruleset_attr attributes{};  // later headers have more members
    attributes.handled_access_fs = handled;
    fd_ = static_cast<int>(
        ::syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes.handled_access_fs, 0));
  }
  ~Ruleset() {
    if (fd_ >= 0) ::close(fd_);
  }
  Ruleset(const Ruleset&) = delete;
  Ruleset& operator=(const Ruleset&) = delete;

  bool allow(const std::string& path, std::uint64_t rights) const {
    const int beneath = ::open(path.c_str(), O_PATH | O_CLOEXEC);
    if (beneath < 0) return errno == ENOENT;
    landlock_path_beneath_attr rule{};
    rule.allowed_access = rights;
    rule.parent_fd = beneath;
    const bool added = ::syscall(SYS_landlock_add_rule, fd_, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0;
    ::close(beneath);
    return added;
  }
  bool apply() const { return fd_ >= 0 && ::syscall(SYS_landlock_restrict_self, fd_, 0) == 0; }

 private:
  int fd_ = -1;
};

/// The version of Landlock that was applied, or 0. A directory that cannot be looked at leaves all of it out:
/// a process that cannot keep its state is worse off than one without this.
long restrict_files(const SandboxNeeds& needs) {
#if defined(__SANITIZE_ADDRESS__)
  constexpr bool kReportsGoToFiles = true;  // of the sanitizers, made where and when something is found
#else
  constexpr bool kReportsGoToFiles = false;
#endif
  if (kReportsGoToFiles) return 0;
  const long version =
      ::syscall(SYS_landlock_create_ruleset, nullptr, std::size_t{0}, LANDLOCK_CREATE_RULESET_VERSION);
  if (version < 1) return 0;
  std::uint64_t change = LANDLOCK_ACCESS_FS_WRITE_FILE | kMake | kRemove;
  if (version >= 2) change |= kRefer;
  if (version >= 3) change |= kTruncate;
  const std::uint64_t execute = needs.programs ? 0 : LANDLOCK_ACCESS_FS_EXECUTE;
  const Ruleset rules(change | kMakeSpecial | execute);
  bool complete = rules.allow("/dev/null", change & (LANDLOCK_ACCESS_FS_WRITE_FILE | kTruncate));
  for (const auto& directory : needs.writable) complete = complete && rules.allow(directory, change);
  return complete && rules.apply() ? version : 0;
}

}  // namespace

std::string enter_sandbox(const SandboxNeeds& needs) {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return "nothing";
  std::string applied = "no_new_privs";
  if (const long version = restrict_files(needs); version > 0)
    applied += ", landlock " + std::to_string(version);
  if (filter_calls(needs.programs)) applied += ", seccomp";
  return applied;
}

}  // namespace cfpipe
