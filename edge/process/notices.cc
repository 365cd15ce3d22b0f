#include "edge/process/notices.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>

namespace cfpipe::edge {

namespace {

/// Longest message of a process that serves, in bytes.
constexpr std::size_t kMaxNoticeBytes = 4096;

Failure no_notice_socket() {
  return {Stage::tunnel, Cause::system_short, std::string("no socket for notices: ") + std::strerror(errno)};
}

}  // namespace

Result<Notices> Notices::open() {
  Notices out;
  out.socket_ = Fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int on = 1;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  auto* where = static_cast<sockaddr*>(static_cast<void*>(&address));
  socklen_t size = sizeof(sa_family_t);  // the kernel finds an abstract name
  if (!out.socket_ || ::setsockopt(out.socket_.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof on) != 0 ||
      ::bind(out.socket_.get(), where, size) != 0)
    return no_notice_socket();
  size = sizeof address;
  if (::getsockname(out.socket_.get(), where, &size) != 0) return no_notice_socket();
  constexpr auto kName = offsetof(sockaddr_un, sun_path) + 1;
  out.name_ = "@" + std::string(address.sun_path + 1, size - kName);
  return out;
}

std::optional<Notices::Notice> Notices::next() const {
  std::array<char, kMaxNoticeBytes> text{};
  iovec part{text.data(), text.size()};
  alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(ucred))> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const ssize_t size = ::recvmsg(socket_.get(), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (size < 0) return std::nullopt;
  Notice out;
  out.text.assign(text.data(), static_cast<std::size_t>(size));
  const cmsghdr* head = CMSG_FIRSTHDR(&message);
  if (head != nullptr && head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_CREDENTIALS) {
    ucred sender{};
    std::memcpy(&sender, CMSG_DATA(head), sizeof sender);
    out.from = sender.pid;
  }
  return out;
}

}  // namespace cfpipe::edge
