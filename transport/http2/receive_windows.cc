#include "transport/http2/receive_windows.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <array>

namespace cfpipe::transport {
namespace {

/// What a PING of ours carries that measures, unlike one that asks for a sign of life.
constexpr std::array<std::uint8_t, 8> kMeasure = {'m', 'e', 'a', 's', 'u', 'r', 'e', 0};

/// A window grows if its reader took this part of it in a round trip.
constexpr std::size_t kFullOf(std::size_t window) {
  return window - window / 3;
}

}  // namespace

H2ReceiveWindows::~H2ReceiveWindows() {
  for (const auto& [id, window] : windows_) give_back_window(window.size - kH2FirstWindow);
}

void H2ReceiveWindows::start(nghttp2_session* session) {
  session_ = session;
  nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0,
                                        static_cast<std::int32_t>(connection_));
}

void H2ReceiveWindows::widen() {
  if (connection_ == kH2ConnectionWindow) return;
  connection_ = kH2ConnectionWindow;
  nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0,
                                        static_cast<std::int32_t>(connection_));
}

H2Window& H2ReceiveWindows::add(std::int32_t stream) {
  granted_ += kH2FirstWindow;
  return windows_[stream];
}

void H2ReceiveWindows::remove(std::int32_t stream) {
  const auto found = windows_.find(stream);
  if (found == windows_.end()) return;
  granted_ -= found->second.size;
  give_back_window(found->second.size - kH2FirstWindow);
  windows_.erase(found);
}

void H2ReceiveWindows::received(H2Window& window, std::size_t bytes, Time now) {
  window.unconsumed += bytes;
  unconsumed_ += bytes;
  if (window.size < kH2MaxWindow && probe_.received(bytes, window.size, now)) measure();
}

// What nghttp2 counts as received and not credited, less what is still held, can be credited: that includes
// padding and what came for streams that are gone.
bool H2ReceiveWindows::consumed(std::int32_t stream, H2Window* window, std::size_t bytes) {
  unconsumed_ -= std::min(unconsumed_, bytes);
  const bool credited = credit_connection();
  if (window == nullptr) return credited;
  window->unconsumed -= std::min(window->unconsumed, bytes);
  window->sampled += bytes;
  const auto received = nghttp2_session_get_stream_effective_recv_data_length(session_, stream);
  const auto credit = received - static_cast<std::int32_t>(window->unconsumed);
  const auto least = std::min(window->size / kH2CreditPart, kH2MostCredit);
  if (window->ended || credit < static_cast<std::int32_t>(least)) return credited;
  nghttp2_submit_window_update(session_, NGHTTP2_FLAG_NONE, stream, credit);
  return true;
}

bool H2ReceiveWindows::credit_connection() {
  const auto received = nghttp2_session_get_effective_recv_data_length(session_);
  const auto credit = received - static_cast<std::int32_t>(unconsumed_);
  if (credit < static_cast<std::int32_t>(connection_ / kH2CreditPart)) return false;
  nghttp2_submit_window_update(session_, NGHTTP2_FLAG_NONE, 0, credit);
  return true;
}

void H2ReceiveWindows::measure() {
  for (auto& [id, window] : windows_) window.sampled = 0;
  nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, kMeasure.data());
}

// A stream whose reader took as much in a round trip as its window allows gets more. What counts is what was
// taken, not what has come or is still held: a batch of bytes that came with the answer has not been read
// yet, however fast the reader is.
void H2ReceiveWindows::answered(std::span<const std::uint8_t> carried, Time now) {
  const bool measures = std::equal(kMeasure.begin(), kMeasure.end(), carried.begin(), carried.end());
  if (!measures || !probe_.running()) return;
  bool grew = false;
  for (auto& [id, window] : windows_) {
    if (window.sampled < kFullOf(window.size) || window.ended) continue;
    const auto wanted = std::min(kH2Growth * window.size, kH2MaxWindow);
    const auto left = kH2GrantLimit - std::min(kH2GrantLimit, granted_);
    const auto more = std::min(wanted - window.size, left);
    if (more < window.size / 2 || !take_window(more)) continue;
    granted_ += more;
    window.size += more;
    nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, id,
                                          static_cast<std::int32_t>(window.size));
    grew = true;
  }
  probe_.answered(grew, now);
}

}  // namespace cfpipe::transport
