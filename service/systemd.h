#pragma once

#include <chrono>
#include <string>
#include <string_view>

namespace cfpipe::service {

/// The service manager that started this process, if one did: what it is told is sd_notify(3), by datagrams
/// to $NOTIFY_SOCKET. Without one all of this does nothing; a datagram that cannot be sent is given up.
class ServiceManager {
 public:
  /// Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID; they are not for programs that this one starts, so
  /// they are taken out of the environment.
  ServiceManager();
  ServiceManager(const ServiceManager&) = delete;
  ServiceManager& operator=(const ServiceManager&) = delete;

  void ready() const;                        ///< serving, by the configuration that is there
  void status(std::string_view text) const;  ///< one line, for `systemctl status`
  void reloading() const;                    ///< until ready() is said again
  /// For this long at most. More than what a unit's TimeoutStopSec is made for is asked for.
  void stopping(std::chrono::seconds at_most = std::chrono::seconds(0)) const;
  /// Keeps the socket, under a name, for the next start: of a service whose unit has
  /// FileDescriptorStoreMax=. Such a socket comes back with LISTEN_FDS.
  void keep(const std::string& name, int fd) const;
  /// Keeps what has that name no longer.
  void forget(const std::string& name) const;
  /// Passes on what a process that serves on behalf of this one says.
  void pass_on(std::string_view text) const { say(text); }
  /// The event loop turns. To be said at least twice in the watchdog's time.
  void alive() const;
  /// The watchdog's time in microseconds, as WATCHDOG_USEC has it; empty: there is none.
  const std::string& watchdog() const { return watchdog_; }

 private:
  void say(std::string_view text, int fd = -1) const;

  std::string socket_;    ///< a path, or '@' and an abstract name; empty: there is no listener
  std::string watchdog_;  ///< microseconds; empty: there is no watchdog
};
}  // namespace cfpipe::service
