#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <array>
#include <string_view>

#include "loop.h"
#include "tunnel.h"

namespace edge_mock {
namespace {

using namespace std::string_view_literals;

constexpr std::size_t kTinyFrameBytes = 1;
constexpr std::size_t kFragmentBytes = 1000;
constexpr int kPingsPerFrame = 200;
constexpr int kEndGraceSeconds = 5;           ///< after a TLS close, for the client to leave
constexpr std::uint64_t kDeliverCheckMs = 2;  ///< between looks at what the kernel still holds
constexpr int kOversizedControlBytes = 200;

struct Hostile {
  std::string_view fault;
  std::string_view bytes;
};

/// Frames that RFC 6455 forbids a server to send.
constexpr std::array kHostile{
    Hostile{"masked-frame", "\x82\x85\x01\x02\x03\x04\x69\x67\x6f\x68\x6e"sv},
    Hostile{"reserved-bits", "\xc2\x05hello"sv},
    Hostile{"reserved-opcode", "\x83\x05hello"sv},
    Hostile{"orphan-continuation", "\x80\x05hello"sv},
    Hostile{"fragmented-control", "\x09\x02hi"sv},
    Hostile{"endless-frame", "\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff"sv},
};

std::string hostile_bytes_of(const Faults& faults) {
  if (faults.on("oversized-control"))
    return std::string("\x89\x7e\x00\xc8"sv) + std::string(kOversizedControlBytes, 'p');
  for (const Hostile& hostile : kHostile)
    if (faults.on(hostile.fault)) return std::string(hostile.bytes);
  return {};
}

int unsent_bytes(int fd) {
  int count = 0;
  return ioctl(fd, SIOCOUTQ, &count) == 0 ? count : 0;
}

/// Connecting a TCP socket to nowhere sends a reset at once, whatever it still holds.
void reset(int fd) {
  sockaddr nowhere{};
  nowhere.sa_family = AF_UNSPEC;
  connect(fd, &nowhere, sizeof nowhere);
}

}  // namespace

Tunnel::Plan::Plan(const Faults& faults)
    : close_code(static_cast<int>(faults.number("ws-close", 0))),
      text(faults.on("text-frames")),
      fragments(faults.on("continuation-frames")),
      close_frames(faults.on("close-frames")),
      hostile_bytes(hostile_bytes_of(faults)) {
  if (fragments) frame_bytes = kFragmentBytes;
  if (faults.on("tiny-frames"))
    frame_bytes =
        std::min(kFrameBytes, static_cast<std::size_t>(faults.number("tiny-frames", kTinyFrameBytes)));
  if (faults.on("ping-flood"))
    pings_per_frame = static_cast<int>(faults.number("ping-flood", kPingsPerFrame));
  const std::array<std::pair<const char*, AtLimit>, 4> limits{{{"cut-after", AtLimit::reset},
                                                               {"close-after", AtLimit::tls_close},
                                                               {"fin-after", AtLimit::tcp_close},
                                                               {"silent-after", AtLimit::silence}}};
  for (const auto& [name, what] : limits) {
    if (!faults.on(name)) continue;
    limit = static_cast<std::uint64_t>(faults.number(name));
    at_limit = what;
  }
}

int Tunnel::reach_limit() {
  ended_ = true;
  ending_ = "fault";
  end_origin();
  switch (plan_.at_limit) {
    case Plan::AtLimit::silence:
      read_stalled_ = true;
      lws_rx_flow_control(wsi_, 0);
      return 0;
    case Plan::AtLimit::tls_close:
      end_tls();
      return 0;
    case Plan::AtLimit::tcp_close:
      shutdown(lws_get_socket_fd(wsi_), SHUT_WR);
      lws_set_timeout(wsi_, PENDING_TIMEOUT_USER_OK, kEndGraceSeconds);
      return 0;
    case Plan::AtLimit::reset:
      reset_once_delivered();
      return 0;
  }
  return -1;
}

void Tunnel::end_tls() {
  SSL_shutdown(lws_get_ssl(wsi_));
  shutdown(lws_get_socket_fd(wsi_), SHUT_WR);
  lws_set_timeout(wsi_, PENDING_TIMEOUT_USER_OK, kEndGraceSeconds);
}

/// By what the system has received: lws tells of no pings. Lateness of ours can only make it later.
void Tunnel::watch_idleness(std::int64_t seconds) {
  constexpr std::int64_t kMilliseconds = 1000;
  tcp_info info{};
  socklen_t size = sizeof info;
  getsockopt(lws_get_socket_fd(wsi_), IPPROTO_TCP, TCP_INFO, &info, &size);
  std::int64_t left = seconds * kMilliseconds - info.tcpi_last_data_recv;
  if (left <= 0) {
    plan_.at_limit = Plan::AtLimit::tls_close;
    reach_limit();
    return;
  }
  after(loop_, static_cast<std::uint64_t>(left), [this, seconds, alive = std::weak_ptr<bool>(alive_)] {
    if (!alive.expired() && !ended_) watch_idleness(seconds);
  });
}

/// A reset throws away what the kernel has not sent, and the client is to get every byte before it.
void Tunnel::reset_once_delivered() {
  if (unsent_bytes(lws_get_socket_fd(wsi_)) == 0) {
    reset(lws_get_socket_fd(wsi_));
    lws_set_timeout(wsi_, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_ASYNC);
    return;
  }
  after(loop_, kDeliverCheckMs, [this, alive = std::weak_ptr<bool>(alive_)] {
    if (!alive.expired()) reset_once_delivered();
  });
}

}  // namespace edge_mock
