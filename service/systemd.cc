#include "service/systemd.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "base/platform/own_file.h"

namespace cfpipe::service {
namespace {

/// What the unit's TimeoutStopSec leaves room for.
constexpr std::chrono::seconds kUsualStop{35};

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
  watchdog_ = take_variable("WATCHDOG_USEC");
  const std::string pid = take_variable("WATCHDOG_PID");
  if (!pid.empty() && pid != std::to_string(::getpid())) watchdog_.clear();
  const bool known = socket_.starts_with('/') || socket_.starts_with('@');
  if (!known || socket_.size() >= sizeof(sockaddr_un::sun_path)) socket_.clear();
}

void ServiceManager::ready() const {
  say("READY=1");
}

void ServiceManager::status(std::string_view text) const {
  say("STATUS=" + std::string(text));
}

void ServiceManager::reloading() const {
  say("RELOADING=1\nMONOTONIC_USEC=" + monotonic_microseconds());
}

void ServiceManager::stopping(std::chrono::seconds at_most) const {
  say("STOPPING=1");
  if (at_most > kUsualStop)
    say("EXTEND_TIMEOUT_USEC=" + std::to_string(std::chrono::microseconds(at_most).count()));
}

void ServiceManager::keep(const std::string& name, int fd) const {
  say("FDSTORE=1\nFDNAME=" + name, fd);
}

void ServiceManager::forget(const std::string& name) const {
  say("FDSTOREREMOVE=1\nFDNAME=" + name);
}

void ServiceManager::alive() const {
  if (!watchdog_.empty()) say("WATCHDOG=1");
}

void ServiceManager::say(std::string_view text, int fd) const {
  if (socket_.empty()) return;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::copy(socket_.begin(), socket_.end(), address.sun_path);
  if (socket_.starts_with('@')) address.sun_path[0] = '\0';
  // An abstract name is as long as it is said to be, without a zero behind it.
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket_.size());
  const Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket) return;
  // sockaddr_un is what the kernel takes behind a sockaddr.
  const auto* where = static_cast<const sockaddr*>(static_cast<const void*>(&address));
  iovec part{const_cast<char*>(text.data()), text.size()};  // which sendmsg() only reads
  msghdr message{};
  message.msg_name = const_cast<sockaddr*>(where);
  message.msg_namelen = size;
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(int))> control{};
  if (fd >= 0) {
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(head), &fd, sizeof fd);
  }
  (void)!::sendmsg(socket.get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

}  // namespace cfpipe::service
