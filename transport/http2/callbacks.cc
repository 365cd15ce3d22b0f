#include <algorithm>
#include <cstring>

#include "transport/http/message_io.h"
#include "transport/http2/session_internal.h"

namespace cfpipe::transport {
using tunnel::IoStatus;
namespace {

/// A head that has not come whole counts as held from so many bytes on.
constexpr std::size_t kCountedHead = 4 * 1024;
/// DATA payload of one frame, in bytes: four whole TLS records with their frame header, or one where several
/// streams share the connection, so that none waits long for another's frame.
constexpr std::size_t kFrameAlone = 4 * 16 * 1024 - kH2FrameHeader;
constexpr std::size_t kFrameShared = 16 * 1024 - kH2FrameHeader;
/// DATA sent for which a peer may send us one frame that carries nothing, in bytes.
constexpr double kBytesPerAnswer = 2 * 1024;
/// What a frame that carries nothing costs of a peer's credit; a stream that was opened and reset cost us
/// most.
constexpr double kNuisance = 1;
constexpr double kCostlyNuisance = 2;
H2Session& session_of(void* user) {
  return *static_cast<H2Session*>(user);
}

const std::byte* bytes_of(const std::uint8_t* bytes) {
  return reinterpret_cast<const std::byte*>(bytes);
}

std::string text_of(const std::uint8_t* bytes, std::size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

}  // namespace

void H2Session::Stream::keep_rest() {
  if (rest.empty()) return;
  auto moved = std::make_unique_for_overwrite<std::byte[]>(kH2FrameHeader + rest.size());
  std::memcpy(moved.get() + kH2FrameHeader, rest.data(), rest.size());
  rest = Slice(moved.get() + kH2FrameHeader, rest.size());
  kept = std::move(moved);
  kept_held.set(kH2FrameHeader + rest.size());
}

// ---- sending ----

ssize_t H2Session::Callbacks::read(nghttp2_session*, std::int32_t stream, std::uint8_t*, std::size_t length,
                                   std::uint32_t* flags, nghttp2_data_source*, void* user) {
  const Stream* s = session_of(user).streams_->find(stream);
  if (s == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  if (s->rest.empty() && !s->ends) return NGHTTP2_ERR_DEFERRED;
  const auto count = std::min(length, s->rest.size());
  if (count > 0) *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  if (count == s->rest.size() && s->ends) *flags |= NGHTTP2_DATA_FLAG_EOF;
  return static_cast<ssize_t>(count);
}

// The frame's header goes in front of its payload, over bytes that are free or have left already.
int H2Session::Callbacks::put_data(nghttp2_session*, nghttp2_frame* frame, const std::uint8_t* header,
                                   std::size_t length, nghttp2_data_source*, void* user) {
  auto& self = session_of(user);
  Stream* s = self.streams_->find(frame->hd.stream_id);
  if (s == nullptr || length > s->rest.size()) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  std::byte* const start = s->rest.data() - kH2FrameHeader;
  std::memcpy(start, header, kH2FrameHeader);
  const std::span<const std::byte> whole(start, kH2FrameHeader + length);
  const auto status = self.stage_.put_data(whole, length);
  if (status == IoStatus::would_block) return NGHTTP2_ERR_WOULDBLOCK;
  if (status != IoStatus::ok) return NGHTTP2_ERR_CALLBACK_FAILURE;
  s->rest = s->rest.subspan(length);
  if (s->rest.empty()) {
    s->kept.reset();
    s->kept_held.set(0);
  }
  self.nuisance_.earn(static_cast<double>(length) / kBytesPerAnswer);
  return 0;
}

ssize_t H2Session::Callbacks::put(nghttp2_session*, const std::uint8_t* bytes, std::size_t length, int,
                                  void* user) {
  const auto status = session_of(user).stage_.put({bytes_of(bytes), length});
  if (status == IoStatus::would_block) return NGHTTP2_ERR_WOULDBLOCK;
  if (status != IoStatus::ok) return NGHTTP2_ERR_CALLBACK_FAILURE;
  return static_cast<ssize_t>(length);
}

ssize_t H2Session::Callbacks::frame_size(nghttp2_session*, std::uint8_t, std::int32_t,
                                         std::int32_t connection_window, std::int32_t stream_window,
                                         std::uint32_t peer_limit, void* user) {
  const auto wanted = session_of(user).streams() > 1 ? kFrameShared : kFrameAlone;
  // A peer that takes no more than the least gets frames of one record too.
  const auto allowed = peer_limit < kFrameAlone ? std::min<std::size_t>(peer_limit, kFrameShared) : wanted;
  return std::min({static_cast<ssize_t>(std::min(wanted, allowed)), static_cast<ssize_t>(connection_window),
                   static_cast<ssize_t>(stream_window)});
}

int H2Session::Callbacks::frame_sent(nghttp2_session*, const nghttp2_frame* frame, void* user) {
  const bool has_end = frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS;
  if (has_end && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
    if (Stream* s = session_of(user).streams_->find(frame->hd.stream_id); s != nullptr) s->end_sent = true;
  }
  if (frame->hd.type == NGHTTP2_GOAWAY && frame->goaway.error_code != NGHTTP2_NO_ERROR) {
    session_of(user).broken(std::string("the peer broke the protocol: ") +
                            nghttp2_http2_strerror(frame->goaway.error_code));
  }
  return 0;
}

// ---- receiving ----

// What nghttp2 lets pass because it has forgotten the stream, or has no use for the frame.
std::uint32_t H2Session::Callbacks::fault_of(H2Session& self, const nghttp2_frame_hd& frame) {
  if (frame.type == NGHTTP2_PRIORITY && frame.stream_id == 0) return kH2ProtocolError;  // RFC 9113 6.3
  const bool opens = frame.type == NGHTTP2_HEADERS && self.role_ == H2Role::server;
  if (!opens || self.streams_->find(frame.stream_id) != nullptr) return kH2NoError;
  return self.sequence_.fault_of_head(frame.stream_id);
}

int H2Session::Callbacks::frame_begins(nghttp2_session* session, const nghttp2_frame_hd* header, void* user) {
  auto& self = session_of(user);
  if (const auto fault = fault_of(self, *header); fault != kH2NoError)
    nghttp2_session_terminate_session(session, fault);
  auto& nuisance = self.nuisance_;
  switch (header->type) {
    case NGHTTP2_HEADERS:
      break;
    case NGHTTP2_DATA:
      if (header->length == 0 && (header->flags & NGHTTP2_FLAG_END_STREAM) == 0) nuisance.spend(kNuisance);
      break;
    case NGHTTP2_RST_STREAM:
    case NGHTTP2_SETTINGS:
      nuisance.spend(kCostlyNuisance);
      break;
    default:
      nuisance.spend(kNuisance);
  }
  return 0;
}

int H2Session::Callbacks::head_begins(nghttp2_session*, const nghttp2_frame* frame, void* user) {
  auto& self = session_of(user);
  const auto id = frame->hd.stream_id;
  if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) self.streams_->add(id, self.windows_.add(id));
  return 0;
}

int H2Session::Callbacks::header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                                 std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
                                 std::uint8_t, void* user) {
  constexpr std::size_t kFieldCost = 32;  // RFC 9113 6.5.2
  const auto& self = session_of(user);
  Stream* s = self.streams_->find(frame->hd.stream_id);
  if (s == nullptr || s->head_done) return 0;
  s->head_bytes += name_size + value_size + kFieldCost;
  s->oversized = s->oversized || s->head_bytes > max_head_bytes(self.role_);
  if (s->oversized) return 0;
  s->head.emplace_back(text_of(name, name_size), text_of(value, value_size));
  if (s->head_bytes > kCountedHead)
    s->head_held.set(s->head_bytes + s->head.size() * sizeof(s->head.front()));
  return 0;
}

int H2Session::Callbacks::frame_ends(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
  auto& self = session_of(user);
  const auto id = frame->hd.stream_id;
  Stream* s = self.streams_->find(id);
  switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
      if (s == nullptr || s->head_done) break;
      if (is_interim(s->head)) {
        s->head.clear();
        if (++s->interim > kMaxInterimAnswers)
          nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, id, kH2ProtocolError);
        break;
      }
      s->head_done = true;
      s->head_held.set(0);
      self.events_.h2_head(id, std::exchange(s->head, {}), s->oversized);
      break;
    case NGHTTP2_RST_STREAM:
      if (s != nullptr) s->window.ended = true;
      break;
    case NGHTTP2_SETTINGS:
      if ((frame->hd.flags & NGHTTP2_FLAG_ACK) == 0) self.settled_ = true;
      break;
    case NGHTTP2_PING:
      if ((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0)
        self.windows_.answered(frame->ping.opaque_data, self.now_);
      break;
    case NGHTTP2_GOAWAY:
      self.going_away_ = true;
      break;
    default:
      break;
  }
  const bool carries_end = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
  if (carries_end && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0 && s != nullptr) {
    s->window.ended = true;
    self.events_.h2_end(id);
  }
  return 0;
}

int H2Session::Callbacks::data(nghttp2_session*, std::uint8_t, std::int32_t stream, const std::uint8_t* bytes,
                               std::size_t length, void* user) {
  auto& self = session_of(user);
  Stream* s = self.streams_->find(stream);
  if (s == nullptr) return 0;
  self.windows_.received(s->window, length, self.now_);
  self.events_.h2_data(stream, {bytes_of(bytes), length});
  return 0;
}

int H2Session::Callbacks::closed(nghttp2_session*, std::int32_t stream, std::uint32_t code, void* user) {
  auto& self = session_of(user);
  const Stream* s = self.streams_->find(stream);
  if (s == nullptr) return 0;
  if (s->window.ended) self.sequence_.ended(stream);
  self.streams_->remove(stream);
  self.windows_.remove(stream);
  self.events_.h2_closed(stream, code);
  return 0;
}

}  // namespace cfpipe::transport
