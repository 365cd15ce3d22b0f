#include "base/platform/network_watch.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <cstddef>
#include <utility>

#include "base/platform/own_file.h"

namespace cfpipe {
namespace net = boost::asio;
namespace {

constexpr unsigned kGroups = RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE;

/// Only the kernel's messages: other programs may send to a socket whose address they guess.
Fd open_socket() {
  Fd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE));
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = kGroups;
  auto* where = static_cast<sockaddr*>(static_cast<void*>(&address));
  if (!socket || ::bind(socket.get(), where, sizeof address) != 0) return {};
  return socket;
}

}  // namespace

struct NetworkWatch::Impl : std::enable_shared_from_this<Impl> {
  using Clock = std::chrono::steady_clock;

  Impl(const net::any_io_executor& executor, std::function<void()> c)
      : socket(open_socket()), events(executor), timer(executor), changed(std::move(c)) {
    boost::system::error_code ignored;
    if (socket) events.assign(socket.get(), ignored);
  }
  ~Impl() {
    if (events.is_open()) events.release();
  }

  void listen() {
    if (!events.is_open()) return;
    events.async_wait(net::posix::descriptor_base::wait_read,
                      [self = shared_from_this()](const boost::system::error_code& error) {
                        if (error || self->over) return;
                        if (self->take_events()) self->report_later();
                        self->listen();
                      });
  }

  /// What has changed does not matter, and messages that were lost for want of room are a change too.
  bool take_events() {
    bool any = false;
    std::array<std::byte, 8192> bytes;
    for (;;) {
      sockaddr_nl from{};
      socklen_t size = sizeof from;
      auto* sender = static_cast<sockaddr*>(static_cast<void*>(&from));
      const auto got = ::recvfrom(socket.get(), bytes.data(), bytes.size(), 0, sender, &size);
      if (got >= 0) {
        any = any || from.nl_pid == 0;
      } else if (errno == ENOBUFS) {
        any = true;
      } else if (errno != EINTR) {
        return any;
      }
    }
  }

  void report_later() {
    const auto now = Clock::now();
    if (!std::exchange(pending, true)) latest = now + kNetworkReport;
    timer.expires_at(std::min(latest, now + kNetworkSettles));
    timer.async_wait([self = shared_from_this()](const boost::system::error_code& cancelled) {
      if (cancelled || self->over) return;
      self->pending = false;
      self->changed();
    });
  }

  Fd socket;
  net::posix::stream_descriptor events;
  net::steady_timer timer;
  std::function<void()> changed;
  Clock::time_point latest{};
  bool pending = false;
  bool over = false;
};

NetworkWatch::NetworkWatch(net::any_io_executor executor, std::function<void()> changed)
    : impl_(std::make_shared<Impl>(executor, std::move(changed))) {
  impl_->listen();
}

NetworkWatch::~NetworkWatch() {
  impl_->over = true;
  impl_->changed = nullptr;
  if (impl_->events.is_open()) impl_->events.release();
  impl_->timer.cancel();
}

bool NetworkWatch::works() const {
  return impl_->events.is_open();
}

}  // namespace cfpipe
