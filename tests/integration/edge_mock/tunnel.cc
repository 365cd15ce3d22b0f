#include "tunnel.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "loop.h"

namespace edge_mock {
namespace {

constexpr std::uint64_t kFlushCheckMs = 1;
constexpr int kCloseGraceSeconds = 60;         ///< how long the client may take to answer a Close
constexpr std::uint64_t kCloseCheckMs = 1000;  ///< when lws' own, shorter, deadline is replaced by that

}  // namespace

Tunnel::Tunnel(lws* wsi, uv_loop_t* loop, int origin_fd, const Faults& faults)
    : wsi_(wsi),
      loop_(loop),
      plan_(faults),
      origin_(loop, origin_fd, this, origin_ready),
      frame_(LWS_PRE + kFrameBytes),
      pings_due_(plan_.pings_per_frame) {
  if (faults.on("idle-close")) watch_idleness(faults.number("idle-close"));
  if (faults.on("stall-reading")) {
    read_stalled_ = true;
    lws_rx_flow_control(wsi_, 0);
  }
  if (plan_.limit == 0 || plan_.pings_per_frame > 0) {
    reading_ = false;
    lws_callback_on_writable(wsi_);
  }
  watch_origin();
}

void Tunnel::origin_ready(void* self, bool readable, bool writable) {
  auto* tunnel = static_cast<Tunnel*>(self);
  if (writable) tunnel->flush_pending();
  if (readable && tunnel->reading_) {
    // Not read here: on_writeable() does, once the client's pipe has room.
    tunnel->reading_ = false;
    lws_callback_on_writable(tunnel->wsi_);
  }
  tunnel->watch_origin();
}

void Tunnel::flush_pending() {
  while (!pending_.empty()) {
    ssize_t sent = send(origin_.fd(), pending_.data(), pending_.size(), MSG_NOSIGNAL);
    if (sent < 0 && (errno == EAGAIN || errno == EINTR)) return;
    // A dead origin takes everything; its read side will report the end.
    pending_.erase(0, sent < 0 ? pending_.size() : static_cast<std::size_t>(sent));
  }
  if (!read_stalled_) lws_rx_flow_control(wsi_, 1);
}

int Tunnel::on_receive(const char* data, std::size_t size) {
  if (lws_is_first_fragment(wsi_)) room_in_message_ = kKeptOfMessage;
  size = std::min(size, room_in_message_);
  room_in_message_ -= size;
  if (ended_ || read_stalled_) return 0;
  up_ += size;
  std::size_t taken = 0;
  while (pending_.empty() && taken < size) {
    ssize_t sent = send(origin_.fd(), data + taken, size - taken, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno != EAGAIN) return 0;
    if (sent < 0) break;
    taken += static_cast<std::size_t>(sent);
  }
  if (taken == size) return 0;
  pending_.append(data + taken, size - taken);
  lws_rx_flow_control(wsi_, 0);
  watch_origin();
  return 0;
}

void Tunnel::on_client_close(int code) {
  client_close_ = code;
  if (!ended_) ending_ = "client-close";
}

int Tunnel::on_writeable() {
  if (ended_) return 0;
  if (down_ >= plan_.limit) return reach_limit();
  if (pings_due_ > 0) return write_ping();
  return relay_down();
}

int Tunnel::relay_down() {
  std::size_t room = std::min<std::uint64_t>(plan_.frame_bytes, plan_.limit - down_);
  ssize_t got = recv(origin_.fd(), frame_.data() + LWS_PRE, room, 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
    reading_ = true;
    watch_origin();
    return 0;
  }
  if (got < 0) return leave("origin-reset", LWS_CLOSE_STATUS_UNEXPECTED_CONDITION);
  if (got == 0) return leave("origin-eof", LWS_CLOSE_STATUS_NORMAL);
  if (write_frame(static_cast<std::size_t>(got)) < 0) return -1;
  down_ += static_cast<std::uint64_t>(got);
  return after_frame();
}

int Tunnel::after_frame() {
  if (plan_.close_code != 0) return close_politely(plan_.close_code, "fault");
  if (!plan_.hostile_bytes.empty() && lws_partial_buffered(wsi_) == 0) {
    SSL_write(lws_get_ssl(wsi_), plan_.hostile_bytes.data(), static_cast<int>(plan_.hostile_bytes.size()));
    plan_.hostile_bytes.clear();
  }
  pings_due_ = plan_.pings_per_frame;
  lws_callback_on_writable(wsi_);
  return 0;
}

int Tunnel::write_frame(std::size_t size) {
  int kind = plan_.text ? LWS_WRITE_TEXT : LWS_WRITE_BINARY;
  if (plan_.fragments) {
    constexpr int kFragmentsPerMessage = 4;
    bool first = fragment_ == 0;
    bool last = fragment_ == kFragmentsPerMessage - 1;
    kind = (first ? kind : static_cast<int>(LWS_WRITE_CONTINUATION)) |
           (last ? 0 : static_cast<int>(LWS_WRITE_NO_FIN));
    fragment_ = (fragment_ + 1) % kFragmentsPerMessage;
  }
  return lws_write(wsi_, frame_.data() + LWS_PRE, size, static_cast<lws_write_protocol>(kind));
}

int Tunnel::write_ping() {
  constexpr std::size_t kPingBytes = 125;  // the most RFC 6455 5.5 allows
  std::fill_n(frame_.begin() + LWS_PRE, kPingBytes, 'p');
  while (pings_due_ > 0 && !lws_send_pipe_choked(wsi_)) {
    if (lws_write(wsi_, frame_.data() + LWS_PRE, kPingBytes, LWS_WRITE_PING) < 0) return -1;
    --pings_due_;
  }
  lws_callback_on_writable(wsi_);
  return 0;
}

void Tunnel::end_origin() {
  reading_ = false;
  pending_.clear();
  watch_origin();
}

/// As cloudflared does: the end of TLS and TCP, and no Close frame, whatever became of the origin.
int Tunnel::leave(const char* ending, int code) {
  if (plan_.close_frames) return close_politely(code, ending);
  end_origin();
  ended_ = true;
  ending_ = ending;
  if (!read_stalled_) lws_rx_flow_control(wsi_, 1);
  end_tls_when_flushed();
  return 0;
}

void Tunnel::end_tls_when_flushed() {
  if (lws_partial_buffered(wsi_) == 0) return end_tls();
  after(loop_, kFlushCheckMs, [this, alive = std::weak_ptr<bool>(alive_)] {
    if (!alive.expired()) end_tls_when_flushed();
  });
}

/// Everything before this has left through lws; it sends the Close frame next and waits for the answer.
int Tunnel::close_politely(int code, const char* ending) {
  end_origin();
  ended_ = true;
  ending_ = ending;
  if (!read_stalled_) lws_rx_flow_control(wsi_, 1);
  lws_close_reason(wsi_, static_cast<lws_close_status>(code), nullptr, 0);
  close_when_flushed();
  // lws gives up after 5 s, and closing then could cost a slow reader its last bytes.
  after(loop_, kCloseCheckMs, [this, alive = std::weak_ptr<bool>(alive_)] {
    if (!alive.expired()) lws_set_timeout(wsi_, PENDING_TIMEOUT_CLOSE_ACK, kCloseGraceSeconds);
  });
  return 0;
}

/// Not from inside a callback: Debian's lws closes twice after one that asks for it, which drops the Close
/// frame.
void Tunnel::close_when_flushed() {
  after(loop_, kFlushCheckMs, [this, alive = std::weak_ptr<bool>(alive_)] {
    if (alive.expired()) return;
    if (lws_partial_buffered(wsi_) != 0) return close_when_flushed();
    lws_set_timeout(wsi_, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_SYNC);
  });
}

}  // namespace edge_mock
