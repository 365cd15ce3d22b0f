#pragma once

#include <string>
#include <string_view>

namespace cfpipe::edge {

/// The service manager that started this process, if one did: what it is told is sd_notify(3), by datagrams
/// to $NOTIFY_SOCKET. Without one all of this does nothing; a datagram that cannot be sent is given up.
class ServiceManager {
 public:
  /// Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID; they are not for programs that this one starts, so
  /// they are taken out of the environment.
  ServiceManager();
  ServiceManager(const ServiceManager&) = delete;
  ServiceManager& operator=(const ServiceManager&) = delete;

  void ready() const;      ///< serving, by the configuration that is there
  void reloading() const;  ///< until ready() is said again
  void stopping() const;
  /// The event loop turns. To be said at least twice in the watchdog's time.
  void alive() const;

 private:
  void say(std::string_view text) const;

  std::string socket_;  ///< a path, or '@' and an abstract name; empty: nobody listens
  bool watched_ = false;
};
}  // namespace cfpipe::edge
