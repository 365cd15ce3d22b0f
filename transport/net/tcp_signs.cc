#include "transport/net/tcp_signs.h"

// The C library's own tcp_info has no window, and the two headers exclude each other.
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace cfpipe::transport {

std::optional<TcpSigns> tcp_signs(int fd) {
  tcp_info info{};
  socklen_t size = sizeof info;
  if (::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return std::nullopt;
  TcpSigns signs;
  signs.unacknowledged = info.tcpi_unacked;
  // Since Linux 5.4; 0 before.
  signs.window_open = info.tcpi_snd_wnd > 0 && info.tcpi_snd_wnd >= info.tcpi_snd_mss;
  signs.probes = info.tcpi_probes;
  signs.last_ack = std::chrono::milliseconds(info.tcpi_last_ack_recv);
  return signs;
}

}  // namespace cfpipe::transport
