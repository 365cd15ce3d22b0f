#include "transport/http2/connection.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

namespace cfpipe::transport {
namespace net = boost::asio;
using tunnel::IoStatus;
namespace {

/// Plain text decrypted at once, and before others have their turn, in bytes.
constexpr std::size_t kReadStep = 256 * 1024;
constexpr std::size_t kReadTurn = 512 * 1024;
/// Ciphertext held while several streams share the connection, and what the system may hold that is not on
/// its way, in bytes: a key press waits behind both.
constexpr std::size_t kSharedBatch = kSendBatch / 4;
constexpr int kUnsentLimit = 128 * 1024;
/// What one stream may write while others wait, in bytes.
constexpr std::size_t kTurnBytes = 64 * 1024;
/// Streams at a time that may be open or whose owners have not let go of them yet.
constexpr std::size_t kMaxKept = 2 * kH2MaxStreams;

// One buffer for all connections of a thread: what is decrypted there is passed on at once.
std::span<std::byte> read_buffer() {
  thread_local const auto buffer = std::make_unique_for_overwrite<std::byte[]>(kReadStep);
  return {buffer.get(), kReadStep};
}

}  // namespace

std::shared_ptr<H2Connection> H2Connection::start(std::unique_ptr<TlsChannel> channel, H2Role role,
                                                  H2Times times) {
  const std::shared_ptr<H2Connection> made(new H2Connection(std::move(channel), role, times));
  made->transmit();
  if (!made->over_) made->listen();
  made->schedule();
  return made;
}

H2Connection::H2Connection(std::unique_ptr<TlsChannel> channel, H2Role role, H2Times times)
    : executor_(channel->executor()),
      channel_(std::move(channel)),
      role_(role),
      times_(times),
      session_(role, *this, *this),
      timer_(executor_) {
  last_received_ = idle_since_ = Clock::now();
  ::setsockopt(channel_->socket().native_handle(), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &kUnsentLimit,
               sizeof kUnsentLimit);
}

H2Connection::~H2Connection() {
  if (over_) return;
  channel_->close_notify();
  channel_->close();
}

H2Stream* H2Connection::find(std::int32_t stream) const {
  const auto found = streams_.find(stream);
  return found == streams_.end() ? nullptr : found->second;
}

// ---- what the peer did; called while the session is receiving or sending ----

void H2Connection::h2_head(std::int32_t id, H2Head head, bool oversized) {
  if (H2Stream* known = find(id); known != nullptr) return known->set_head(std::move(head), oversized);
  if (role_ == H2Role::client) return;
  if (!handler_ || draining_ || streams_.size() >= kMaxKept) return refused_.push_back(id);
  auto stream = std::make_unique<H2Stream>(shared_from_this(), id);
  streams_[id] = stream.get();
  stream->set_head(std::move(head), oversized);
  const auto parcel = std::make_shared<std::unique_ptr<H2Stream>>(std::move(stream));
  net::post(executor_, [self = shared_from_this(), parcel] {
    if (self->handler_) self->handler_(std::move(*parcel));
  });
}

void H2Connection::h2_data(std::int32_t id, std::span<const std::byte> data) {
  if (H2Stream* stream = find(id); stream != nullptr) return stream->arrived(data);
  unwanted_.emplace_back(id, data.size());
}

void H2Connection::h2_end(std::int32_t id) {
  if (H2Stream* stream = find(id); stream != nullptr) stream->set_peer_ended();
}

void H2Connection::h2_closed(std::int32_t id, std::uint32_t code) {
  if (H2Stream* stream = find(id); stream != nullptr) stream->set_closed(code);
}

// ---- the socket ----

void H2Connection::listen() {
  channel_->on_readable([this] { receive(); });
}

void H2Connection::receive() {
  const auto self = shared_from_this();
  if (!receive_some()) return;
  transmit();
  if (!over_) listen();
}

bool H2Connection::receive_some() {
  const auto room = read_buffer();
  for (std::size_t total = 0; total < kReadTurn;) {
    std::size_t got = 0;
    const auto status = channel_->read(room, got);
    if (status == IoStatus::would_block) break;
    if (status != IoStatus::ok) {
      end_with(streams_.empty() ? "" : "the connection was lost");
      return false;
    }
    total += got;
    last_received_ = Clock::now();
    pinged_ = false;
    const bool valid = session_.receive(room.first(got), last_received_);
    after_receive();
    if (valid) continue;
    transmit();
    end_with(session_.why());
    return false;
  }
  return true;
}

void H2Connection::after_receive() {
  for (const auto id : std::exchange(refused_, {})) session_.reset(id, kH2RefusedStream);
  for (const auto& [id, bytes] : std::exchange(unwanted_, {})) session_.consumed(id, bytes);
  changed();
}

IoStatus H2Connection::put(std::span<const std::byte> bytes) {
  if (send_failed_) return IoStatus::failed;
  if (!wire_room()) return send_failed_ ? IoStatus::failed : IoStatus::would_block;
  return channel_->write(bytes);
}

std::size_t H2Connection::most_held() const {
  return session_.streams() > 1 ? kSharedBatch : kSendBatch;
}

bool H2Connection::wire_room() {
  const auto limit = most_held();
  if (channel_->held() < limit) return true;
  if (channel_->flush() == IoStatus::failed) send_failed_ = true;
  return !send_failed_ && channel_->held() < limit;
}

// Sends what there is to send. The peer's end is for the reader to find, who may have much to read before it.
void H2Connection::transmit() {
  if (over_) return;
  const auto sent = session_.send();
  if (sent == IoStatus::failed) send_failed_ = true;
  if (channel_->flush() == IoStatus::failed) send_failed_ = true;
  if (!session_.why().empty() || session_.over()) return end_with(session_.why());
  if (!send_failed_ && channel_->held() > 0) await_wire();
  wake_writers();
}

void H2Connection::transmit_soon() {
  if (over_ || std::exchange(transmit_posted_, true)) return;
  net::post(executor_, [weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self) return;
    self->transmit_posted_ = false;
    self->transmit();
  });
}

void H2Connection::await_wire() {
  if (std::exchange(awaiting_wire_, true)) return;
  channel_->on_writable([this] {
    const auto self = shared_from_this();
    awaiting_wire_ = false;
    transmit();
  });
}

void H2Connection::end_with(std::string why) {
  if (std::exchange(over_, true)) return;
  why_ = std::move(why);
  timer_.cancel();
  changed();
  channel_->close_notify();
  channel_->close();
  const auto all = streams_;
  for (const auto& [id, stream] : all) {
    if (!stream->closed_) stream->set_closed(kH2Cancel);
  }
  wake_writers();
}

// ---- for the streams ----

IoStatus H2Connection::write(H2Stream& stream, tunnel::Slice from) {
  if (over_ || send_failed_ || stream.closed_) return IoStatus::failed;
  const bool others_turn = stream.turn_ >= kTurnBytes && !waiters_.empty();
  if (others_turn || session_.room(stream.id_) == 0 || !wire_room()) {
    stream.wants_ = H2Stream::Wants::room;
    return send_failed_ ? IoStatus::failed : IoStatus::would_block;
  }
  if (from.empty()) return IoStatus::ok;
  const auto status = session_.write(stream.id_, from);
  if (status == IoStatus::failed) send_failed_ = true;
  stream.turn_ += from.size();
  stream.mark_ = channel_->queued();
  stream.was_held_ = session_.held(stream.id_) > 0;
  return status;
}

// Whether this stream's bytes have left; others' may still be held.
bool H2Connection::has_left(H2Stream& stream) {
  if (session_.held(stream.id_) > 0) {
    stream.was_held_ = true;
    return false;
  }
  if (session_.staged() > 0) return false;
  if (std::exchange(stream.was_held_, false)) stream.mark_ = channel_->queued();
  return channel_->queued() - channel_->held() >= stream.mark_;
}

IoStatus H2Connection::flush(H2Stream& stream) {
  if (over_ || send_failed_) return IoStatus::failed;
  // A peer that has closed the stream in peace has heard all it wanted.
  if (stream.closed_) return stream.code_ == kH2NoError ? IoStatus::ok : IoStatus::failed;
  if (!has_left(stream)) transmit();
  if (over_ || send_failed_) return IoStatus::failed;
  if (stream.closed_ || has_left(stream)) return IoStatus::ok;
  stream.wants_ = H2Stream::Wants::emptiness;
  return IoStatus::would_block;
}

IoStatus H2Connection::end(H2Stream& stream) {
  if (!over_ && !stream.closed_) session_.end(stream.id_);
  return flush(stream);
}

bool H2Connection::respond(H2Stream& stream, const H2Head& head, bool ends) {
  if (over_ || stream.closed_ || !session_.respond(stream.id_, head, ends)) return false;
  transmit_soon();
  return true;
}

void H2Connection::consumed(H2Stream& stream, std::size_t bytes) {
  if (over_) return;
  if (session_.consumed(stream.id_, bytes)) transmit_soon();
}

std::size_t H2Connection::room(const H2Stream& stream) const {
  if (over_ || stream.closed_) return 0;
  const auto waits = channel_->held() + session_.waiting();
  return waits < most_held() ? std::min(session_.room(stream.id_), most_held() - waits) : 0;
}

bool H2Connection::in_flight(const H2Stream& stream) const {
  return !over_ && (session_.held(stream.id_) > 0 || session_.staged() > 0 || channel_->in_flight());
}

// A peer whose window is closed is slow; whether it is there at all is seen by the connection's own PING.
std::optional<std::chrono::milliseconds> H2Connection::backed_up(const H2Stream& stream) const {
  if (over_ || stream.closed_) return std::nullopt;
  if (session_.room(stream.id_) == 0) return std::chrono::milliseconds(0);
  return channel_->backed_up();
}

void H2Connection::drop(H2Stream& stream, std::size_t unread) {
  transmit();  // a reset would overtake what has just been said
  streams_.erase(stream.id_);
  if (streams_.empty()) idle_since_ = Clock::now();
  if (over_) return;
  if (unread > 0) session_.consumed(stream.id_, unread);
  if (!stream.closed_) {
    const bool in_peace = session_.end_sent(stream.id_);
    session_.reset(stream.id_, in_peace ? kH2NoError : kH2Cancel);
  }
  transmit();
  schedule();
}

// ---- turns ----

void H2Connection::wait_writable(H2Stream& stream) {
  if (std::find(waiters_.begin(), waiters_.end(), stream.id_) == waiters_.end()) {
    waiters_.push_back(stream.id_);
  }
  if (!over_ && channel_->held() > 0) await_wire();
  wake_writers();
}

bool H2Connection::can_go_on(H2Stream& stream) {
  if (over_ || send_failed_ || stream.closed_) return true;
  switch (stream.wants_) {
    case H2Stream::Wants::room:
      return session_.room(stream.id_) > 0 && wire_room();
    case H2Stream::Wants::emptiness:
      return has_left(stream);
    default:
      return true;
  }
}

// One at a time, in the order they came: the next is looked at when this one has had its turn.
void H2Connection::wake_writers() {
  if (waking_) return;
  for (auto at = waiters_.begin(); at != waiters_.end();) {
    H2Stream* stream = find(*at);
    if (stream == nullptr || !stream->writer_) {
      at = waiters_.erase(at);
      continue;
    }
    if (!can_go_on(*stream)) {
      ++at;
      continue;
    }
    const auto id = *at;
    waiters_.erase(at);
    waking_ = true;
    net::post(executor_, [self = shared_from_this(), id] {
      self->waking_ = false;
      if (H2Stream* woken = self->find(id); woken != nullptr && woken->writer_) {
        woken->turn_ = 0;
        woken->wants_ = H2Stream::Wants::nothing;
        std::exchange(woken->writer_, nullptr)();
      }
      self->wake_writers();
    });
    return;
  }
}

}  // namespace cfpipe::transport
