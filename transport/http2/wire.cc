#include "transport/http2/wire.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace cfpipe::transport {
using tunnel::IoStatus;
namespace {

/// What the system may hold that is not on its way, in bytes: a key press waits behind it too.
constexpr int kUnsentLimit = 128 * 1024;

}  // namespace

H2Wire::H2Wire(std::unique_ptr<SocketChannel> channel, const H2Session& session)
    : channel_(std::move(channel)), session_(session) {
  ::setsockopt(channel_->socket().native_handle(), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &kUnsentLimit,
               sizeof kUnsentLimit);
}

IoStatus H2Wire::put(std::span<const std::byte> bytes) {
  if (failed_) return IoStatus::failed;
  if (!has_room()) return failed_ ? IoStatus::failed : IoStatus::would_block;
  return channel_->write(bytes);
}

bool H2Wire::has_room() {
  const auto limit = most_held();
  if (channel_->held() < limit) return true;
  flush();
  return !failed_ && channel_->held() < limit;
}

void H2Wire::flush() {
  if (channel_->flush() == IoStatus::failed) failed_ = true;
}

void H2Wire::close() {
  channel_->close_notify();
  channel_->close();
}

}  // namespace cfpipe::transport
