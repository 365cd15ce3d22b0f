#include "transport/http2/sender.h"

#include <algorithm>
#include <utility>

namespace cfpipe::transport {
using tunnel::IoStatus;
namespace {

/// What one stream may write while others wait, in bytes.
constexpr std::size_t kTurnBytes = 64 * 1024;

}  // namespace

IoStatus H2Sender::write(H2Stream& stream, tunnel::Slice from) {
  if (!exchange_.can_send() || stream.closed()) return IoStatus::failed;
  auto& session = exchange_.session();
  auto& wire = exchange_.wire();
  auto& turn = stream.turn_;
  const bool others_turn = turn.bytes >= kTurnBytes && !waiters_.empty();
  if (others_turn || session.room(stream.id_) == 0 || !wire.has_room()) {
    turn.wants = Wants::room;
    return wire.failed() ? IoStatus::failed : IoStatus::would_block;
  }
  if (from.empty()) return IoStatus::ok;
  const auto status = session.write(stream.id_, from);
  if (status == IoStatus::failed) wire.fail();
  turn.bytes += from.size();
  turn.mark = wire.queued();
  turn.was_held = session.held(stream.id_) > 0;
  return status;
}

// Whether this stream's bytes have left; others' may still be held.
bool H2Sender::has_left(H2Stream& stream) {
  const auto& session = exchange_.session();
  const auto& wire = exchange_.wire();
  auto& turn = stream.turn_;
  if (session.held(stream.id_) > 0) {
    turn.was_held = true;
    return false;
  }
  if (session.staged() > 0) return false;
  if (std::exchange(turn.was_held, false)) turn.mark = wire.queued();
  return wire.left() >= turn.mark;
}

IoStatus H2Sender::flush(H2Stream& stream) {
  if (!exchange_.can_send()) return IoStatus::failed;
  // A peer that has closed the stream in peace has heard all it wanted.
  if (stream.closed()) return stream.in_.code() == kH2NoError ? IoStatus::ok : IoStatus::failed;
  if (!has_left(stream)) exchange_.transmit();
  if (!exchange_.can_send()) return IoStatus::failed;
  if (stream.closed() || has_left(stream)) return IoStatus::ok;
  stream.turn_.wants = Wants::emptiness;
  return IoStatus::would_block;
}

IoStatus H2Sender::end(H2Stream& stream) {
  if (!exchange_.over() && !stream.closed()) exchange_.session().end(stream.id_);
  return flush(stream);
}

bool H2Sender::respond(H2Stream& stream, const H2Head& head, bool ends) {
  if (exchange_.over() || stream.closed() || !exchange_.session().respond(stream.id_, head, ends))
    return false;
  exchange_.transmit_soon();
  return true;
}

void H2Sender::consumed(H2Stream& stream, std::size_t bytes) {
  if (exchange_.over()) return;
  if (exchange_.session().consumed(stream.id_, bytes)) exchange_.transmit_soon();
}

std::size_t H2Sender::room(const H2Stream& stream) const {
  if (exchange_.over() || stream.closed()) return 0;
  const auto& session = exchange_.session();
  const auto& wire = exchange_.wire();
  const auto waits = wire.held() + session.waiting();
  const auto most = wire.most_held();
  return waits < most ? std::min(session.room(stream.id_), most - waits) : 0;
}

bool H2Sender::in_flight(const H2Stream& stream) const {
  if (exchange_.over()) return false;
  const auto& session = exchange_.session();
  return session.held(stream.id_) > 0 || session.staged() > 0 || exchange_.wire().in_flight();
}

// A peer whose window is closed is slow; whether it is there at all is seen by the connection's own PING.
std::optional<std::chrono::milliseconds> H2Sender::backed_up(const H2Stream& stream) const {
  if (exchange_.over() || stream.closed()) return std::nullopt;
  if (exchange_.session().room(stream.id_) == 0) return std::chrono::milliseconds(0);
  return exchange_.wire().backed_up();
}

void H2Sender::drop(H2Stream& stream, std::size_t unread) {
  exchange_.transmit();  // a reset would overtake what has just been said
  streams_.remove(stream.id_);
  if (streams_.size() == 0) watch_.emptied();
  if (exchange_.over()) return;
  auto& session = exchange_.session();
  if (unread > 0) session.consumed(stream.id_, unread);
  if (!stream.closed()) {
    const bool in_peace = session.end_sent(stream.id_);
    session.reset(stream.id_, in_peace ? kH2NoError : kH2Cancel);
  }
  exchange_.transmit();
  watch_.schedule();
}

// ---- turns ----

void H2Sender::wait_writable(H2Stream& stream) {
  if (std::find(waiters_.begin(), waiters_.end(), stream.id_) == waiters_.end()) {
    waiters_.push_back(stream.id_);
  }
  if (!exchange_.over() && exchange_.wire().held() > 0) exchange_.await_wire();
  wake();
}

bool H2Sender::can_go_on(H2Stream& stream) {
  if (!exchange_.can_send() || stream.closed()) return true;
  switch (stream.turn_.wants) {
    case Wants::room:
      return exchange_.session().room(stream.id_) > 0 && exchange_.wire().has_room();
    case Wants::emptiness:
      return has_left(stream);
    default:
      return true;
  }
}

// One at a time, in the order they came: the next is looked at when this one has had its turn.
void H2Sender::wake() {
  if (waking_) return;
  for (auto at = waiters_.begin(); at != waiters_.end();) {
    H2Stream* stream = streams_.find(*at);
    if (stream == nullptr || !stream->turn_.wake) {
      at = waiters_.erase(at);
      continue;
    }
    if (!can_go_on(*stream)) {
      ++at;
      continue;
    }
    const auto id = *at;
    waiters_.erase(at);
    return wake_soon(id);
  }
}

void H2Sender::wake_soon(std::int32_t id) {
  waking_ = true;
  life_.post([this, id] {
    waking_ = false;
    if (H2Stream* woken = streams_.find(id); woken != nullptr && woken->turn_.wake) {
      woken->turn_.bytes = 0;
      woken->turn_.wants = Wants::nothing;
      std::exchange(woken->turn_.wake, nullptr)();
    }
    wake();
  });
}

}  // namespace cfpipe::transport
