#include "base/platform/subprocess.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "base/platform/own_file.h"
#include "base/platform/write_signals.h"

namespace cfpipe {
namespace {

/// Output of a child in memory: the child never blocks on a full pipe, and the caller reads after its end.
class Capture {
 public:
  Capture() : file_(::memfd_create("output", MFD_CLOEXEC)) {}
  int fd() const { return file_.get(); }
  std::string text() const {
    std::string out(kMaxProgramOutputBytes, '\0');
    const ssize_t size = ::pread(file_.get(), out.data(), out.size(), 0);
    out.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
    return out;
  }

 private:
  Fd file_;
};

class Actions {
 public:
  Actions(const Capture& output, const Capture& complaint) {
    posix_spawn_file_actions_init(&actions_);
    posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions_, output.fd(), STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions_, complaint.fd(), STDERR_FILENO);
    posix_spawn_file_actions_addclosefrom_np(&actions_, STDERR_FILENO + 1);
  }
  ~Actions() { posix_spawn_file_actions_destroy(&actions_); }
  Actions(const Actions&) = delete;
  Actions& operator=(const Actions&) = delete;
  const posix_spawn_file_actions_t* get() const { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_;
};

/// A child is not to inherit that this process ignores some signals.
class Attributes {
 public:
  Attributes() {
    posix_spawnattr_init(&attributes_);
    sigset_t defaults;
    sigemptyset(&defaults);
    add_write_signals(defaults);
    posix_spawnattr_setsigdefault(&attributes_, &defaults);
    posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGDEF);
  }
  ~Attributes() { posix_spawnattr_destroy(&attributes_); }
  Attributes(const Attributes&) = delete;
  Attributes& operator=(const Attributes&) = delete;
  const posix_spawnattr_t* get() const { return &attributes_; }

 private:
  posix_spawnattr_t attributes_;
};

}  // namespace

ProgramEnd run_program(const std::vector<std::string>& command) {
  std::vector<char*> arguments;
  for (const std::string& argument : command) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  const Capture output, complaint;
  const Actions actions(output, complaint);
  const Attributes attributes;
  pid_t pid = 0;
  if (const int error =
          posix_spawnp(&pid, arguments[0], actions.get(), attributes.get(), arguments.data(), environ);
      error != 0)
    return {127, {}, command[0] + ": " + std::strerror(error)};
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  const int ended = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return {ended, output.text(), complaint.text()};
}

}  // namespace cfpipe
