#pragma once

#include <chrono>
#include <string>

namespace cfpipe::edge {

/// How long a process that is to take the place of the one that serves may take to say that it does.
inline constexpr std::chrono::seconds kStartTimeout{60};

/// `run --supervise`. This process holds the listeners and serves nothing: it starts the program again to do
/// that, with the sockets as systemd hands them over (sd_listen_fds(3)), and tells the service manager what
/// that process says. It holds no key. Started by root, it becomes the state's owner and keeps the right to
/// listen below port 1024; what it starts has the sockets, and not that right.
/// - SIGUSR2 starts another one, from the program and the configuration that are there then. Once that
///   serves, the one before takes no more connections and drains; where it does not come to serve, nothing
///   changes.
/// - SIGHUP is passed on. SIGTERM and SIGINT have the edge end, as without a process in front.
/// - SIGUSR1 has this process alone end: what it started drains by itself. With KillMode=process and a
///   manager that keeps the sockets that is how a service restarts without waiting for open tunnels.
/// - SIGABRT, of the manager's watchdog, ends the process that serves at once.
/// Returns the exit status: that of the process that serves, or of what is wrong with the configuration.
int supervise(const std::string& config_path, const std::string& admin_listen);

}  // namespace cfpipe::edge
