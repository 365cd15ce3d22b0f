#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tunnel.h"

namespace edge_mock {
namespace {

/// Blocks, which only an origin on the same machine makes bearable.
bool connect_now(int fd, const addrinfo& address) {
  if (connect(fd, address.ai_addr, address.ai_addrlen) == 0) return true;
  if (errno != EINPROGRESS) return false;
  pollfd wait{fd, POLLOUT, 0};
  int error = 0;
  socklen_t size = sizeof error;
  return poll(&wait, 1, OriginSocket::kConnectMilliseconds) == 1 &&
         getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0;
}

}  // namespace

int OriginSocket::connect_to(const std::string& host, const std::string& port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), port.c_str(), &hints, &found) != 0) return -1;
  int connected = -1;
  for (addrinfo* address = found; address && connected < 0; address = address->ai_next) {
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) continue;
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect_now(fd, *address)) {
      connected = fd;
    } else {
      close(fd);
    }
  }
  freeaddrinfo(found);
  return connected;
}

OriginSocket::OriginSocket(uv_loop_t* loop, int fd, void* owner, Ready ready) : fd_(fd), watch_(new Watch) {
  watch_->owner = owner;
  watch_->ready = ready;
  watch_->handle.data = watch_;
  uv_poll_init(loop, &watch_->handle, fd);
}

OriginSocket::~OriginSocket() {
  watch_->owner = nullptr;
  uv_close(reinterpret_cast<uv_handle_t*>(&watch_->handle),
           [](uv_handle_t* handle) { delete static_cast<Watch*>(handle->data); });
  close(fd_);
}

void OriginSocket::wait(bool readable, bool writable) {
  int events = (readable ? UV_READABLE : 0) | (writable ? UV_WRITABLE : 0);
  if (events == watch_->events) return;
  watch_->events = events;
  if (events == 0) {
    uv_poll_stop(&watch_->handle);
  } else {
    uv_poll_start(&watch_->handle, events, polled);
  }
}

void OriginSocket::polled(uv_poll_t* handle, int status, int events) {
  auto* watch = static_cast<Watch*>(handle->data);
  if (!watch->owner) return;
  if (status != 0) watch->events = 0;  // libuv has stopped watching
  // An error is found by the read or write that follows.
  watch->ready(watch->owner, status != 0 || (events & UV_READABLE) != 0,
               status != 0 || (events & UV_WRITABLE) != 0);
}

}  // namespace edge_mock
