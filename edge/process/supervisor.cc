#include "edge/process/supervisor.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/log.h"
#include "base/platform/own_file.h"
#include "edge/listener/given_sockets.h"
#include "edge/listener/unix_listener.h"
#include "edge/process/checked_config.h"
#include "edge/process/console.h"
#include "edge/process/notices.h"
#include "service/systemd.h"

namespace cfpipe::edge {
namespace {

using Clock = std::chrono::steady_clock;

/// Below which a started program has nothing but its standard descriptors and sockets.
constexpr int kBeyondSockets = 3 + static_cast<int>(kMaxGivenSockets);
/// Of a program that could not be started; as shells have it.
constexpr int kNotStarted = 127;

Failure system_fault(const char* what) {
  return {Stage::tunnel, Cause::system_short, std::string(what) + ": " + std::strerror(errno)};
}

/// Whether a socket that was opened for the one serves the other as well.
bool is_same_place(const Listener& held, const Listener& wanted) {
  return held.path() == wanted.path() && held.tcp() == wanted.tcp() && is_in_place(wanted);
}

/// Where the program is: what is there later is another version of it.
std::string program_path() {
  std::array<char, PATH_MAX> path{};
  const ssize_t size = ::readlink("/proc/self/exe", path.data(), path.size());
  return size > 0 ? std::string(path.data(), static_cast<std::size_t>(size)) : std::string();
}

class Supervisor {
 public:
  Supervisor(std::string config_path, std::string admin_listen, GivenSockets given, Notices notices)
      : config_path_(std::move(config_path)),
        admin_listen_(std::move(admin_listen)),
        given_(std::move(given)),
        notices_(std::move(notices)) {}
  /// The exit status.
  int run();

 private:
  /// A listener, and where the configuration wanted it.
  struct Held {
    Listener wanted;
    std::shared_ptr<const Fd> socket;
    bool is_ours = false;  ///< opened here: the service manager does not have it
  };
  using Sockets = std::map<std::string, Held, std::less<>>;

  std::optional<Config> first_configuration() const;
  std::optional<Config> configuration() const;
  std::optional<Config> with_options(std::optional<Config> config) const;
  Result<Sockets> sockets_for(const Config& config);
  Result<Held> socket_for(std::string_view key, const Listener& wanted);
  void adopt(Sockets sockets);
  Result<pid_t> start(const Sockets& sockets);
  [[noreturn]] void become_program(pid_t parent, const Sockets& sockets) const;
  void replace();
  void take_notices();
  void promote();
  void take_signals();
  void bury();
  void ended(pid_t pid, int status);
  void give_up_next(const std::string& why);
  void stop(int signal);

  const std::string config_path_;
  const std::string admin_listen_;
  GivenSockets given_;
  const Notices notices_;
  const service::ServiceManager manager_;
  const std::string program_ = program_path();
  Fd signals_;
  sigset_t mask_before_{};
  Sockets held_;
  pid_t serving_ = 0;
  pid_t next_ = 0;  ///< has been started to take its place
  Sockets next_sockets_;
  Clock::time_point next_until_;
  std::vector<pid_t> draining_;
  bool stopping_ = false;
  std::optional<int> status_;  ///< to exit with
};

/// Makes a process of root's one of the state's owner.
std::optional<Config> Supervisor::first_configuration() const {
  auto config =
      checked_config_as_owner(config_path_, {TlsFiles::passed_over, Keep::low_ports, Missing::made});
  if (!config || ::access(program_.c_str(), X_OK) == 0) return with_options(std::move(config));
  complain(program_ + ": " + std::strerror(errno) +
           " for the edge's user; install it where that user may run it");
  return std::nullopt;
}

std::optional<Config> Supervisor::configuration() const {
  return with_options(checked_config(config_path_));
}

std::optional<Config> Supervisor::with_options(std::optional<Config> config) const {
  if (config && !admin_listen_.empty()) config->admin_listen = parse_listener(admin_listen_, std::nullopt);
  return config;
}

Result<Supervisor::Held> Supervisor::socket_for(std::string_view key, const Listener& wanted) {
  if (const auto found = held_.find(key);
      found != held_.end() && is_same_place(found->second.wanted, wanted)) {
    if (const auto admitted = admit_group(wanted); !admitted) return admitted.error();
    return Held{wanted, found->second.socket, found->second.is_ours};
  }
  auto socket = given_.take(key, wanted);
  if (!socket) return socket.error();
  const bool is_ours = !*socket;
  if (is_ours) socket = open_listener(wanted, key);
  if (!socket) return socket.error();
  return Held{wanted, std::make_shared<const Fd>(std::move(*socket)), is_ours};
}

Result<Supervisor::Sockets> Supervisor::sockets_for(const Config& config) {
  Sockets out;
  const auto add = [&](std::string_view key, const Listener& wanted) -> Result<void> {
    auto held = socket_for(key, wanted);
    if (!held) return held.error();
    out.emplace(key, std::move(*held));
    return {};
  };
  if (const auto added = add(kListenName, *config.listen); !added) return added.error();
  if (!config.admin_listen) return out;
  if (const auto added = add(kAdminListenName, *config.admin_listen); !added) return added.error();
  return out;
}

/// From now on these are the listeners; the service manager has what would be lost with this process.
void Supervisor::adopt(Sockets sockets) {
  for (const std::string_view key : {kListenName, kAdminListenName}) {
    const auto before = held_.find(key);
    const auto now = sockets.find(key);
    const bool had = before != held_.end();
    const bool has = now != sockets.end();
    if (had && has && before->second.socket == now->second.socket) continue;
    const std::string name = std::string(kKeptPrefix) + std::string(key);
    if (!has || now->second.is_ours) manager_.forget(name);
    if (has && now->second.is_ours) manager_.keep(name, now->second.socket->get());
  }
  held_ = std::move(sockets);
}

/// In the child: nothing of this process but the sockets and the standard descriptors.
void Supervisor::become_program(pid_t parent, const Sockets& held_sockets) const {
  std::vector<int> sockets;
  std::string names;
  for (const auto& [name, held] : held_sockets) {
    sockets.push_back(::fcntl(held.socket->get(), F_DUPFD_CLOEXEC, kBeyondSockets));
    names += (names.empty() ? "" : ":") + name;
  }
  for (std::size_t i = 0; i < sockets.size(); ++i)
    if (::dup2(sockets[i], 3 + static_cast<int>(i)) < 0) ::_exit(kNotStarted);
  ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
  ::setenv("LISTEN_FDS", std::to_string(sockets.size()).c_str(), 1);
  ::setenv("LISTEN_FDNAMES", names.c_str(), 1);
  ::setenv("NOTIFY_SOCKET", notices_.name().c_str(), 1);
  if (!manager_.watchdog().empty()) ::setenv("WATCHDOG_USEC", manager_.watchdog().c_str(), 1);
  // A process without one in front would accept beside the next one forever.
  ::prctl(PR_SET_PDEATHSIG, SIGUSR1, 0, 0, 0);
  if (::getppid() != parent) ::_exit(kNotStarted);
  ::sigprocmask(SIG_SETMASK, &mask_before_, nullptr);
  std::vector<std::string> words{program_, "run", "--config", config_path_};
  if (!admin_listen_.empty()) words.insert(words.end(), {"--admin-listen", admin_listen_});
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  ::execv(program_.c_str(), arguments.data());
  complain(program_ + " cannot be started: " + std::strerror(errno));
  ::_exit(kNotStarted);
}

Result<pid_t> Supervisor::start(const Sockets& sockets) {
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) return system_fault("no process can be started");
  if (pid == 0) become_program(parent, sockets);
  return pid;
}

void Supervisor::give_up_next(const std::string& why) {
  spdlog::error("not replaced: {}; what served before goes on", why);
  next_ = 0;
  next_sockets_.clear();
}

void Supervisor::replace() {
  if (next_ != 0) return spdlog::warn("the process that is to take over has still to say that it serves");
  if (stopping_) return;
  const auto config = configuration();
  if (!config) return give_up_next("the configuration has a fault");
  auto sockets = sockets_for(*config);
  if (!sockets) return give_up_next(sockets.error().detail);
  const auto started = start(*sockets);
  if (!started) return give_up_next(started.error().detail);
  next_ = *started;
  next_sockets_ = std::move(*sockets);
  next_until_ = Clock::now() + kStartTimeout;
}

void Supervisor::promote() {
  const pid_t before = std::exchange(serving_, std::exchange(next_, 0));
  spdlog::info("process {} serves in the place of {}, which drains", serving_, before);
  adopt(std::exchange(next_sockets_, {}));
  draining_.push_back(before);
  ::kill(before, SIGUSR1);
}

/// What a process that drains says is about itself alone.
void Supervisor::take_notices() {
  while (const auto notice = notices_.next()) {
    if (notice->from == next_ && next_ != 0 && notice->text == "READY=1") promote();
    if (notice->from == serving_) manager_.pass_on(notice->text);
  }
}

void Supervisor::ended(pid_t pid, int status) {
  if (std::erase(draining_, pid) > 0) return spdlog::info("process {} has drained", pid);
  if (pid == next_) return give_up_next("the new process ended before it served");
  if (pid != serving_) return;
  serving_ = 0;
  status_ = WIFEXITED(status) ? WEXITSTATUS(status) : stopping_ ? kOk : kUnavailable;
  if (WIFSIGNALED(status) && !stopping_)
    spdlog::critical("process {} was ended by signal {}", pid, WTERMSIG(status));
  if (next_ != 0) ::kill(next_, SIGTERM);
}

void Supervisor::bury() {
  int status = 0;
  for (pid_t pid = 0; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;) ended(pid, status);
}

void Supervisor::stop(int signal) {
  const bool again = std::exchange(stopping_, true);
  for (const pid_t pid : {serving_, next_})
    if (pid != 0) ::kill(pid, signal);
  if (!again) return;
  for (const pid_t pid : draining_) ::kill(pid, signal);
}

void Supervisor::take_signals() {
  signalfd_siginfo signal{};
  while (::read(signals_.get(), &signal, sizeof signal) == static_cast<ssize_t>(sizeof signal)) {
    switch (signal.ssi_signo) {
      case SIGCHLD:
        bury();
        break;
      case SIGHUP:
        if (serving_ != 0) ::kill(serving_, SIGHUP);
        break;
      case SIGUSR2:
        replace();
        break;
      case SIGUSR1:
        // The end of this process tells them to drain.
        spdlog::info("leaving; what is open goes on for as long as it may");
        status_ = kOk;
        serving_ = 0;
        draining_.clear();
        break;
      case SIGABRT:
        if (serving_ != 0) ::kill(serving_, SIGKILL);
        break;
      default:
        stop(static_cast<int>(signal.ssi_signo));
    }
  }
}

int Supervisor::run() {
  const auto config = first_configuration();
  if (!config) return kBadConfig;
  sigset_t mine;
  sigemptyset(&mine);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2, SIGABRT, SIGCHLD})
    sigaddset(&mine, signal);
  ::sigprocmask(SIG_BLOCK, &mine, &mask_before_);
  signals_ = Fd(::signalfd(-1, &mine, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals_) return complain(system_fault("no signals can be read"));
  auto sockets = sockets_for(*config);
  if (!sockets) return complain(sockets.error());
  if (const auto all = given_.all_taken(); !all) return complain(all.error());
  adopt(std::move(*sockets));
  const auto started = start(held_);
  if (!started) return complain(started.error());
  serving_ = *started;
  while (!status_ || (stopping_ && (next_ != 0 || !draining_.empty()))) {
    std::array<pollfd, 2> ready{{{signals_.get(), POLLIN, 0}, {notices_.fd(), POLLIN, 0}}};
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(next_until_ - Clock::now());
    const int timeout = next_ == 0 ? -1 : std::max(0, static_cast<int>(left.count()));
    ::poll(ready.data(), ready.size(), timeout);
    // What a process said before its end comes first.
    take_notices();
    take_signals();
    if (next_ == 0 || Clock::now() < next_until_) continue;
    ::kill(next_, SIGKILL);
    give_up_next("the new process did not come to serve");
  }
  return *status_;
}

}  // namespace

int supervise(const std::string& config_path, const std::string& admin_listen) {
  auto given = GivenSockets::of_environment();
  if (!given) return complain(given.error());
  auto notices = Notices::open();
  if (!notices) return complain(notices.error());
  return Supervisor(config_path, admin_listen, std::move(*given), std::move(*notices)).run();
}

}  // namespace cfpipe::edge
