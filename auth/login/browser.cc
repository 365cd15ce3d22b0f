#include "auth/login/browser.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "base/error.h"
#include "base/platform/write_signals.h"

namespace cfpipe::auth {
namespace {

namespace net = boost::asio;
std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const auto end = text.find(separator);
    if (end != 0) parts.emplace_back(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
  }
  return parts;
}

/// Puts the URL in place of `%s`, and `%` in place of `%%`. True if there was a `%s`.
bool expand(std::string& argument, std::string_view url) {
  std::string out;
  bool used = false;
  for (std::size_t i = 0; i < argument.size(); ++i) {
    const char next = argument[i] == '%' && i + 1 < argument.size() ? argument[i + 1] : '\0';
    if (next == 's') {
      out += url;
      used = true;
      ++i;
    } else {
      out += argument[i];
      if (next == '%') ++i;
    }
  }
  argument = std::move(out);
  return used;
}

BrowserCommand command_of(std::string_view text, std::string_view url) {
  BrowserCommand command = split(text, ' ');
  bool used = false;
  for (auto& argument : command) used = expand(argument, url) || used;
  if (!command.empty() && !used) command.emplace_back(url);
  return command;
}

bool is_set(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0';
}

/// The two arguments of posix_spawn that set a child apart from us.
class SpawnSetup {
 public:
  SpawnSetup() {
    posix_spawn_file_actions_init(&actions_);
    posix_spawnattr_init(&attributes_);
    for (int fd = 0; fd <= 2; ++fd) {
      posix_spawn_file_actions_addopen(&actions_, fd, "/dev/null", fd == 0 ? O_RDONLY : O_WRONLY, 0);
    }
    posix_spawn_file_actions_addclosefrom_np(&actions_, 3);
    sigset_t defaults;
    sigemptyset(&defaults);
    for (int signal : {SIGHUP, SIGINT, SIGTERM, SIGCHLD}) sigaddset(&defaults, signal);
    add_write_signals(defaults);
    sigset_t mask;
    sigemptyset(&mask);
    posix_spawnattr_setsigdefault(&attributes_, &defaults);
    posix_spawnattr_setsigmask(&attributes_, &mask);
    // A session of its own: Ctrl-C in our terminal is not for the browser.
    posix_spawnattr_setflags(&attributes_,
                             POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSID);
  }
  ~SpawnSetup() {
    posix_spawn_file_actions_destroy(&actions_);
    posix_spawnattr_destroy(&attributes_);
  }
  SpawnSetup(const SpawnSetup&) = delete;
  SpawnSetup& operator=(const SpawnSetup&) = delete;

  /// 0 or an errno.
  int spawn(const BrowserCommand& command, pid_t& pid) const {
    std::vector<char*> arguments;
    for (const auto& argument : command) arguments.push_back(const_cast<char*>(argument.c_str()));
    arguments.push_back(nullptr);
    return posix_spawnp(&pid, arguments[0], &actions_, &attributes_, arguments.data(), environ);
  }

 private:
  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
};

struct Ended {
  int status = 0;
  std::chrono::steady_clock::duration after{};
  bool well() const { return WIFEXITED(status) && WEXITSTATUS(status) == 0; }
};

std::string describe(const std::string& program, const Ended& ended) {
  if (WIFSIGNALED(ended.status))
    return program + " was killed by signal " + std::to_string(WTERMSIG(ended.status));
  return program + " exited with status " + std::to_string(WEXITSTATUS(ended.status));
}

/// `children` was listening for SIGCHLD before the child was started, so its end cannot be missed.
net::awaitable<Ended> wait_for(pid_t pid, net::signal_set& children) {
  const auto start = std::chrono::steady_clock::now();
  Ended ended;
  while (::waitpid(pid, &ended.status, WNOHANG) == 0) {
    auto [error, signal] = co_await children.async_wait(net::as_tuple(net::use_awaitable));
    if (error) break;
  }
  ended.after = std::chrono::steady_clock::now() - start;
  co_return ended;
}

}  // namespace

BrowserEnvironment BrowserEnvironment::current() {
  BrowserEnvironment environment;
  if (is_set("BROWSER")) environment.browser = std::getenv("BROWSER");
  environment.display = is_set("DISPLAY") || is_set("WAYLAND_DISPLAY");
  environment.wsl = is_set("WSL_DISTRO_NAME") || is_set("WSL_INTEROP");
  environment.ssh_session = is_set("SSH_CONNECTION") || is_set("SSH_CLIENT") || is_set("SSH_TTY");
  return environment;
}

std::vector<BrowserCommand> browser_commands(const BrowserEnvironment& environment, std::string_view url) {
  std::vector<BrowserCommand> commands;
  for (const auto& text : split(environment.browser, ':')) {
    auto command = command_of(text, url);
    if (!command.empty()) commands.push_back(std::move(command));
  }
  if (!commands.empty() || environment.ssh_session) return commands;
  if (environment.wsl) commands.push_back({"wslview", std::string(url)});
  if (environment.display || environment.wsl) {
    commands.push_back({"xdg-open", std::string(url)});
    commands.push_back({"gio", "open", std::string(url)});
  }
  return commands;
}

net::awaitable<BrowserEnd> open_browser(std::vector<BrowserCommand> commands,
                                        std::chrono::milliseconds settled) {
  net::signal_set children(co_await net::this_coro::executor, SIGCHLD);
  const SpawnSetup setup;
  BrowserEnd end;
  end.why = "no program to open one with";
  for (const auto& command : commands) {
    pid_t pid = -1;
    if (const int error = setup.spawn(command, pid); error != 0) {
      end.why = printable(command[0] + ": " + std::strerror(error));
      continue;
    }
    const Ended ended = co_await wait_for(pid, children);
    end.opened = ended.well() || ended.after >= settled;
    end.why = ended.well() ? std::string() : printable(describe(command[0], ended));
    if (end.opened) break;
  }
  co_return end;
}

}  // namespace cfpipe::auth
