#include "base/platform/sandbox.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <thread>

namespace cfpipe {
namespace {

/// The exit status of a child that does this; 255 if a signal ended it.
int in_a_child(const std::function<int()>& act) {
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(act());
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

/// What a call fails with in the sandbox; 0 if it succeeds.
int error_of(const SandboxNeeds& needs, const std::function<long()>& call) {
  return in_a_child([&] {
    enter_sandbox(needs);
    errno = 0;
    return call() < 0 ? errno : 0;
  });
}

bool applies(const std::string& what) {
  static const std::string applied = [] {
    int ends[2];
    EXPECT_EQ(::pipe(ends), 0);
    in_a_child([&] {
      const std::string words = enter_sandbox({});
      return ::write(ends[1], words.data(), words.size()) > 0 ? 0 : 1;
    });
    ::close(ends[1]);
    char room[256];
    const ssize_t size = ::read(ends[0], room, sizeof room);
    ::close(ends[0]);
    return std::string(room, size > 0 ? static_cast<std::size_t>(size) : 0);
  }();
  return applied.find(what) != std::string::npos;
}

class Sandbox : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "cfpipe-sandbox-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    directory = pattern;
    std::filesystem::create_directory(directory + "/mine");
  }
  void TearDown() override { std::filesystem::remove_all(directory); }
  SandboxNeeds mine() const { return {false, {directory + "/mine", directory + "/absent"}}; }
  long make_file(const std::string& name) const {
    return ::open((directory + name).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  }
  std::string directory;
};

TEST_F(Sandbox, RefusesWhatLooksIntoOtherProcessesAndTheKernel) {
  if (!applies("seccomp")) GTEST_SKIP() << "this kernel filters no system calls";
#if !defined(__SANITIZE_ADDRESS__)
  EXPECT_EQ(error_of({}, [] { return ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr); }), EPERM);
#endif
  EXPECT_EQ(
      error_of({}, [] { return ::syscall(SYS_process_vm_readv, ::getppid(), nullptr, 0, nullptr, 0, 0); }),
      EPERM);
  EXPECT_EQ(error_of({}, [] { return ::syscall(SYS_bpf, 0, nullptr, 0); }), EPERM);
  EXPECT_EQ(error_of({}, [] { return ::syscall(SYS_io_uring_setup, 1, nullptr); }), EPERM);
  EXPECT_EQ(error_of({}, [] { return ::syscall(SYS_keyctl, 0, -3, 0); }), EPERM);
  EXPECT_EQ(error_of({}, [] { return ::unshare(CLONE_NEWUSER); }), EPERM);
  EXPECT_EQ(error_of({}, [] { return ::syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, nullptr); }), EPERM);
}

TEST_F(Sandbox, StartsProgramsOnlyWhereThatIsNeeded) {
  if (!applies("seccomp")) GTEST_SKIP() << "this kernel filters no system calls";
  const auto start = [] { return static_cast<long>(::execl("/bin/true", "true", nullptr)); };
  EXPECT_EQ(error_of({}, start), EPERM);
  EXPECT_EQ(error_of({true, {}}, start), 0);
}

TEST_F(Sandbox, HoldsForThreadsThatWereThereBefore) {
  if (!applies("seccomp")) GTEST_SKIP() << "this kernel filters no system calls";
  EXPECT_EQ(in_a_child([] {
              int in_thread = 0;
              int gate[2];
              if (::pipe(gate) != 0) return 200;
              std::thread other([&] {
                char c = 0;
                (void)!::read(gate[0], &c, 1);
                in_thread = ::unshare(CLONE_NEWUSER) == 0 ? 0 : errno;
              });
              enter_sandbox({});
              (void)!::write(gate[1], "x", 1);
              other.join();
              return in_thread;
            }),
            EPERM);
}

TEST_F(Sandbox, ChangesFilesOnlyWhereThatIsNeeded) {
  if (!applies("landlock")) GTEST_SKIP() << "this kernel has no Landlock";
  EXPECT_EQ(error_of(mine(), [&] { return make_file("/elsewhere"); }), EACCES);
  EXPECT_EQ(error_of(mine(), [&] { return make_file("/mine/file"); }), 0);
  EXPECT_EQ(error_of(mine(), [&] { return ::unlink((directory + "/mine/file").c_str()); }), 0);
  ASSERT_GE(make_file("/elsewhere"), 0);
  EXPECT_EQ(error_of(mine(), [&] { return ::unlink((directory + "/elsewhere").c_str()); }), EACCES);
  EXPECT_EQ(error_of(mine(), [&] { return ::truncate((directory + "/elsewhere").c_str(), 0); }), EACCES);
  EXPECT_EQ(error_of(mine(), [&] { return ::open((directory + "/elsewhere").c_str(), O_RDONLY); }), 0);
  EXPECT_EQ(error_of(mine(), [] { return ::open("/dev/null", O_RDWR); }), 0);
}

TEST_F(Sandbox, LeavesWhatATunnelNeeds) {
  EXPECT_EQ(error_of(mine(), [] { return ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0); }), 0);
  EXPECT_EQ(error_of(mine(),
                     [] {
                       std::thread([] {}).join();
                       return 0;
                     }),
            0);
}

TEST_F(Sandbox, MayBeEnteredTwice) {
  EXPECT_EQ(error_of(mine(),
                     [&] {
                       enter_sandbox(mine());
                       return make_file("/mine/file");
                     }),
            0);
}

}  // namespace
}  // namespace cfpipe
