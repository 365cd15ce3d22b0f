#include "edge/service_manager.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "auth/own_file.h"

namespace cfpipe::edge {
namespace {

/// The variable's value, which is then gone from the environment.
std::string take_variable(const char* name) {
  const char* value = std::getenv(name);
  std::string out = value != nullptr ? value : "";
  ::unsetenv(name);
  return out;
}

std::string monotonic_microseconds() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return std::to_string(std::int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1000);
}

}  // namespace

ServiceManager::ServiceManager() : socket_(take_variable("NOTIFY_SOCKET")) {
  const std::string microseconds = take_variable("WATCHDOG_USEC");
  const std::string pid = take_variable("WATCHDOG_PID");
  watched_ = !microseconds.empty() && (pid.empty() || pid == std::to_string(::getpid()));
  const bool known = socket_.starts_with('/') || socket_.starts_with('@');
  if (!known || socket_.size() >= sizeof(sockaddr_un::sun_path)) socket_.clear();
}

void ServiceManager::ready() const {
  say("READY=1");
}

void ServiceManager::reloading() const {
  say("RELOADING=1\nMONOTONIC_USEC=" + monotonic_microseconds());
}

void ServiceManager::stopping() const {
  say("STOPPING=1");
}

void ServiceManager::alive() const {
  if (watched_) say("WATCHDOG=1");
}

void ServiceManager::say(std::string_view text) const {
  if (socket_.empty()) return;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::copy(socket_.begin(), socket_.end(), address.sun_path);
  if (socket_.starts_with('@')) address.sun_path[0] = '\0';
  // An abstract name is as long as it is said to be, without a zero behind it.
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket_.size());
  const auth::Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket) return;
  // sockaddr_un is what the kernel takes behind a sockaddr.
  const auto* where = static_cast<const sockaddr*>(static_cast<const void*>(&address));
  (void)!::sendto(socket.get(), text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL, where, size);
}

}  // namespace cfpipe::edge
