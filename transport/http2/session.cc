#include "transport/http2/session.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <cstring>

#include "transport/http2/session_internal.h"

namespace cfpipe::transport {
using tunnel::IoStatus;
using tunnel::Slice;
namespace {

/// Frames of ours that a peer which does not read may make us queue.
constexpr std::size_t kMaxQueuedFrames = 2048;
/// Largest frame that we take, in bytes.
constexpr std::uint32_t kMaxFrame = 64 * 1024;

constexpr std::uint32_t as_u32(std::size_t value) {
  return static_cast<std::uint32_t>(value);
}

nghttp2_nv field(const std::string& name, const std::string& value) {
  // nghttp2 copies both, although its type has no const. Secrets stay out of the tables of both ends.
  const bool secret = name == "cf-access-token" || name == "cf-access-client-secret" || name == "cookie" ||
                      name == "set-cookie" || name == "authorization";
  auto* n = reinterpret_cast<std::uint8_t*>(const_cast<char*>(name.data()));
  auto* v = reinterpret_cast<std::uint8_t*>(const_cast<char*>(value.data()));
  const std::uint8_t flags = secret ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE;
  return {n, v, name.size(), value.size(), flags};
}

std::vector<nghttp2_nv> fields(const H2Head& head) {
  std::vector<nghttp2_nv> out;
  out.reserve(head.size());
  for (const auto& [name, value] : head) out.push_back(field(name, value));
  return out;
}

void announce_settings(nghttp2_session* session, H2Role role) {
  std::vector<nghttp2_settings_entry> settings = {
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, as_u32(kH2FirstWindow)},
      {NGHTTP2_SETTINGS_MAX_FRAME_SIZE, kMaxFrame},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, as_u32(max_head_bytes(role))}};
  if (role == H2Role::server) {
    settings.push_back({NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, kH2MaxStreams});
    settings.push_back({NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1});
    settings.push_back({NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1});
  } else {
    settings.push_back({NGHTTP2_SETTINGS_ENABLE_PUSH, 0});
  }
  nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings.data(), settings.size());
}

}  // namespace

bool is_interim(const H2Head& head) {
  return !head.empty() && head.front().first == ":status" && head.front().second.starts_with('1');
}

H2Session::H2Session(H2Role role, H2Events& events, H2Output& output, H2NuisanceBudget nuisance)
    : role_(role),
      events_(events),
      streams_(std::make_unique<Streams>()),
      stage_(output),
      windows_(role == H2Role::server ? kH2UnprovenWindow : kH2ConnectionWindow),
      nuisance_(nuisance) {
  nghttp2_option* options = nullptr;
  nghttp2_option_new(&options);
  nghttp2_option_set_no_auto_window_update(options, 1);
  nghttp2_option_set_no_closed_streams(options, 1);
  nghttp2_option_set_max_send_header_block_length(options, kH2MaxHeadBytes);
  if (role == H2Role::client) {
    nghttp2_session_client_new2(&session_, Callbacks::table(), this, options);
  } else {
    nghttp2_session_server_new2(&session_, Callbacks::table(), this, options);
  }
  nghttp2_option_del(options);
  announce_settings(session_, role);
  windows_.start(session_);
}

H2Session::~H2Session() {
  nghttp2_session_del(session_);
}

void H2Session::widen() {
  windows_.widen();
}

bool H2Session::broken(std::string why) {
  if (why_.empty()) why_ = std::move(why);
  return false;
}

bool H2Session::receive(std::span<const std::byte> bytes, Clock::time_point now) {
  if (!why_.empty()) return false;
  now_ = now;
  nuisance_.refill(now);
  const auto used =
      nghttp2_session_mem_recv(session_, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  if (used < 0) return broken(nghttp2_strerror(static_cast<int>(used)));
  if (nuisance_.lost() || nghttp2_session_get_outbound_queue_size(session_) > kMaxQueuedFrames) {
    nghttp2_session_terminate_session(session_, NGHTTP2_ENHANCE_YOUR_CALM);
    return broken("too many frames that carry nothing");
  }
  windows_.credit_connection();
  stage_.count(nghttp2_session_get_outbound_queue_size(session_));
  return true;
}

IoStatus H2Session::send() {
  if (stage_.failed()) return IoStatus::failed;
  const int result = nghttp2_session_send(session_);
  if (stage_.failed()) return IoStatus::failed;
  if (result != 0) {
    broken(nghttp2_strerror(result));
    return IoStatus::failed;
  }
  const auto staged = stage_.flush();
  if (staged == IoStatus::ok) stage_.shrink();
  stage_.count(nghttp2_session_get_outbound_queue_size(session_));
  return staged;
}

bool H2Session::over() const {
  return nghttp2_session_want_read(session_) == 0 && nghttp2_session_want_write(session_) == 0;
}

bool H2Session::takes_websockets() const {
  return nghttp2_session_get_remote_settings(session_, NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL) == 1;
}

std::size_t H2Session::streams_left() const {
  if (going_away_ || !why_.empty() || nghttp2_session_check_request_allowed(session_) == 0) return 0;
  const auto theirs = nghttp2_session_get_remote_settings(session_, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
  const auto most = std::min(theirs, kH2MaxStreams);
  return most > streams() ? most - streams() : 0;
}

std::size_t H2Session::streams() const {
  return streams_->size();
}

std::int32_t H2Session::request(const H2Head& head, bool ends) {
  if (streams_left() == 0) return 0;
  const auto list = fields(head);
  nghttp2_data_provider body{};
  body.read_callback = &Callbacks::read;
  const auto id =
      nghttp2_submit_request(session_, nullptr, list.data(), list.size(), ends ? nullptr : &body, nullptr);
  if (id <= 0) return 0;
  streams_->add(id, windows_.add(id));
  return id;
}

bool H2Session::respond(std::int32_t stream, const H2Head& head, bool ends) {
  if (streams_->find(stream) == nullptr) return false;
  const auto list = fields(head);
  if (is_interim(head)) {
    return nghttp2_submit_headers(session_, NGHTTP2_FLAG_NONE, stream, nullptr, list.data(), list.size(),
                                  nullptr) == 0;
  }
  nghttp2_data_provider body{};
  body.read_callback = &Callbacks::read;
  return nghttp2_submit_response(session_, stream, list.data(), list.size(), ends ? nullptr : &body) == 0;
}

std::size_t H2Session::room(std::int32_t stream) const {
  const Stream* s = streams_->find(stream);
  if (s == nullptr || s->ends || !s->rest.empty()) return 0;
  const auto least = std::min(nghttp2_session_get_remote_window_size(session_),
                              nghttp2_session_get_stream_remote_window_size(session_, stream));
  return static_cast<std::size_t>(std::max(least, 0));
}

IoStatus H2Session::write(std::int32_t stream, Slice from) {
  if (room(stream) == 0) return streams_->find(stream) == nullptr ? IoStatus::failed : IoStatus::would_block;
  streams_->find(stream)->rest = from;
  nghttp2_session_resume_data(session_, stream);
  const auto status = send();
  // It may have ended while we sent.
  if (Stream* s = streams_->find(stream); s != nullptr) s->keep_rest();
  return status == IoStatus::failed ? status : IoStatus::ok;
}

std::size_t H2Session::held(std::int32_t stream) const {
  const Stream* s = streams_->find(stream);
  if (s == nullptr) return 0;
  return s->rest.size() + (s->ends && !s->end_sent ? 1 : 0);
}

std::size_t H2Session::waiting() const {
  std::size_t sum = 0;
  for (const auto& [id, stream] : *streams_) {
    if (stream->rest.empty()) continue;
    const auto window = nghttp2_session_get_stream_remote_window_size(session_, id);
    sum += std::min(stream->rest.size(), static_cast<std::size_t>(std::max(window, 0)));
  }
  return sum;
}

bool H2Session::end_sent(std::int32_t stream) const {
  const Stream* s = streams_->find(stream);
  return s == nullptr || s->end_sent;
}

void H2Session::end(std::int32_t stream) {
  Stream* s = streams_->find(stream);
  if (s == nullptr || s->ends) return;
  s->ends = true;
  nghttp2_session_resume_data(session_, stream);
}

void H2Session::reset(std::int32_t stream, std::uint32_t code) {
  if (streams_->find(stream) != nullptr) nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream, code);
}

bool H2Session::consumed(std::int32_t stream, std::size_t bytes) {
  Stream* s = streams_->find(stream);
  return windows_.consumed(stream, s == nullptr ? nullptr : &s->window, bytes);
}

void H2Session::ping() {
  nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, nullptr);
}

void H2Session::announce_end() {
  nghttp2_submit_shutdown_notice(session_);
}

void H2Session::go_away() {
  nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(session_),
                        NGHTTP2_NO_ERROR, nullptr, 0);
}

// ---- what nghttp2 calls ----

nghttp2_session_callbacks* H2Session::Callbacks::table() {
  static nghttp2_session_callbacks* const made = [] {
    nghttp2_session_callbacks* t = nullptr;
    nghttp2_session_callbacks_new(&t);
    nghttp2_session_callbacks_set_send_callback(t, &put);
    nghttp2_session_callbacks_set_send_data_callback(t, &put_data);
    nghttp2_session_callbacks_set_data_source_read_length_callback(t, &frame_size);
    nghttp2_session_callbacks_set_on_frame_send_callback(t, &frame_sent);
    nghttp2_session_callbacks_set_on_begin_frame_callback(t, &frame_begins);
    nghttp2_session_callbacks_set_on_begin_headers_callback(t, &head_begins);
    nghttp2_session_callbacks_set_on_header_callback(t, &header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(t, &frame_ends);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(t, &data);
    nghttp2_session_callbacks_set_on_stream_close_callback(t, &closed);
    return t;
  }();
  return made;
}

}  // namespace cfpipe::transport
