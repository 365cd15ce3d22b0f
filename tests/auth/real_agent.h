#pragma once

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>

#include "auth/agent/client.h"
#include "auth/running_agent.h"
#include "auth/ssh_tools.h"

namespace cfpipe::auth::testing {

/// The ssh-agent of OpenSSH, at a socket in a directory of the test's.
class RealAgent {
 public:
  explicit RealAgent(const TempDir& dir) : path_(dir / "user-agent") {
    pid_ = ::fork();
    if (pid_ == 0) {
      ::close(STDOUT_FILENO);
      ::execlp("ssh-agent", "ssh-agent", "-D", "-a", path_.c_str(), nullptr);
      ::_exit(127);
    }
    if (!eventually([this] { return run("SSH_AUTH_SOCK=" + path_ + " ssh-add -l").status == 1; }))
      throw std::runtime_error("ssh-agent did not start");
  }
  ~RealAgent() {
    ::kill(pid_, SIGTERM);
    ::waitpid(pid_, nullptr, 0);
  }
  RealAgent(const RealAgent&) = delete;
  RealAgent& operator=(const RealAgent&) = delete;
  const std::string& path() const { return path_; }

  /// Makes a key with `ssh-keygen -t KIND` and moves it in: nothing but the public half is left on disk.
  std::string add(const TempDir& dir, const std::string& kind, const std::string& comment) const {
    const std::string file = dir / "made";
    const Ran ran =
        run("rm -f " + file + "* && ssh-keygen -q -N '' -t " + kind + " -C '" + comment + "' -f " + file +
            " && SSH_AUTH_SOCK=" + path_ + " ssh-add -q " + file + " && rm " + file);
    if (ran.status != 0) throw std::runtime_error(ran.output);
    return parse_public_key_line(trimmed(read_file(file + ".pub")))->blob;
  }

 private:
  std::string path_;
  pid_t pid_ = -1;
};

/// Runs a coroutine to its end on a loop of its own.
template <class T>
T await(const std::function<boost::asio::awaitable<T>(boost::asio::any_io_executor)>& start) {
  boost::asio::io_context context(1);
  std::optional<T> result;
  auto running = start(context.get_executor());
  boost::asio::co_spawn(context, std::move(running), [&](std::exception_ptr thrown, T value) {
    if (thrown) std::rethrow_exception(thrown);
    result.emplace(std::move(value));
  });
  context.run();
  return std::move(*result);
}

}  // namespace cfpipe::auth::testing
