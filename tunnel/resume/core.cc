#include "tunnel/resume/core.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

#include "base/error.h"

namespace cfpipe::tunnel {
namespace net = boost::asio;
namespace {

/// What a WebSocket's Close says in the same cases (RFC 6455 7.4.1).
constexpr std::uint16_t kGoingAway = 1001;
constexpr std::uint16_t kUnexpected = 1011;

/// Bytes that are sent again before others have their turn: what comes meanwhile, and other tunnels.
constexpr std::size_t kReplayTurnBytes = 256 * 1024;

}  // namespace

ResumeCore::ResumeCore(net::any_io_executor executor, const ResumeTimes& times)
    : executor_(std::move(executor)),
      times_(times),
      ack_timer_(executor_),
      stall_timer_(executor_),
      rest_timer_(executor_) {}

// ---- the carrier ----

bool ResumeCore::attach(std::unique_ptr<Stream> carrier, std::uint64_t next) {
  detach();
  if (over() || !sender_.restart(next)) {
    carrier->close();
    return false;
  }
  carrier_ = std::move(carrier);
  progressed();
  receiver_.told();  // by what has led to this
  drive();
  if (reader_ || reads_by_itself()) listen();
  wake(writer_);
  return true;
}

void ResumeCore::detach() {
  if (!carrier_) return;
  retire(std::move(carrier_));
  receiver_.restart();
  reset_.reset();
}

// It may be one of its own functions that has led here.
void ResumeCore::retire(std::unique_ptr<Stream> carrier) {
  listening_ = waits_for_room_ = next_turn_ = read_out_ = false;
  rest_timer_.cancel();
  carrier->close();
  net::post(executor_, [carrier = std::shared_ptr<Stream>(std::move(carrier))] {});
}

// The carrier has ended by itself.
void ResumeCore::lost() {
  if (reset_) {
    // The end that has said so comes back to nothing, and what it had sent before is not waited for.
    receiver_.restart();
    react({});
    return;
  }
  const End how = carrier_->end();
  const std::string detail = carrier_->end_detail();
  carrier_end_ = how;
  detach();
  if (how == End::dismissed) return give_up(how, detail);
  const bool in_peace = how == End::clean && trusts_ends_;
  const bool told_all = sender_.all_acknowledged() || (in_peace && sender_.end_sent());
  if (told_all && receiver_.at_end()) return give_up(End::clean, {});
  wake(writer_);
  if (!detached_) return;
  net::post(executor_, [this, alive = std::weak_ptr<int>(alive_)] {
    if (!alive.expired() && !carrier_ && !over() && detached_) detached_();
  });
}

// It overtakes what the other end has said before the carrier broke, which may be why it did. That is read to
// its end: it need not come again, and where carriers break often there is no other progress.
void ResumeCore::write_failed() {
  if (std::exchange(read_out_, true)) return;
  net::post(executor_, [this, alive = std::weak_ptr<int>(alive_)] {
    if (alive.expired() || !read_out_) return;
    if (auto callback = std::exchange(reader_, nullptr)) return callback();
    if (reads_by_itself()) read_on();
  });
  rest_timer_.expires_after(times_.rest);
  rest_timer_.async_wait([this, alive = std::weak_ptr<int>(alive_)](const boost::system::error_code& error) {
    if (!error && !alive.expired() && read_out_) skim();
  });
}

// The rest has no taker.
void ResumeCore::skim() {
  const auto events = receiver_.skim(*carrier_);
  if (receiver_.why() != nullptr) return give_up(End::protocol, receiver_.why());
  if (events.ack && !sender_.acknowledged(*events.ack))
    return give_up(End::protocol, "an ACK of what was not sent");
  if (events.reset) reset_ = events.reset;
  lost();
}

void ResumeCore::give_up(End how, const std::string& detail) {
  if (over()) return;
  detach();
  end_ = how == End::cut && receiver_.at_end() ? End::clean : how;
  detail_ = detail;
  gone_ = true;
  wake(reader_);
  wake(writer_);
  wake(gone_waiter_);
}

// Sends what there is. would_block: the carrier, or the next turn, is waited for. ok: nothing is left to do,
// or there is no carrier that takes anything.
IoStatus ResumeCore::drive() {
  if (!sink()) return IoStatus::ok;
  if (next_turn_) return IoStatus::would_block;
  auto status = sender_.pump(*carrier_, kReplayTurnBytes);
  if (status == IoStatus::ok) status = carrier_->flush();
  if (status == IoStatus::failed) {
    write_failed();
    return IoStatus::ok;
  }
  const std::weak_ptr<int> alive = alive_;
  if (status == IoStatus::would_block && !std::exchange(waits_for_room_, true)) {
    carrier_->on_writable([this, alive] {
      if (!alive.expired()) send_on(waits_for_room_);
    });
  }
  if (status != IoStatus::ok || !sender_.pending()) return status;
  next_turn_ = true;
  net::post(executor_, [this, alive] {
    if (!alive.expired()) send_on(next_turn_);
  });
  return IoStatus::would_block;
}

void ResumeCore::send_on(bool& waited) {
  waited = false;
  drive();
  if ((waits_for_room_ || next_turn_) && sender_.pending()) return;
  if (auto callback = std::exchange(writer_, nullptr)) callback();
}

void ResumeCore::listen() {
  if (!carrier_ || std::exchange(listening_, true)) return;
  carrier_->on_readable([this, alive = std::weak_ptr<int>(alive_)] {
    if (!alive.expired()) carrier_readable();
  });
}

void ResumeCore::carrier_readable() {
  listening_ = false;
  if (auto callback = std::exchange(reader_, nullptr)) return callback();
  if (reads_by_itself()) read_on();
}

// For the ACK of what was sent, of which no one else asks the carrier any more.
void ResumeCore::read_on() {
  FrameDecoder::Events events;
  for (drop_payload(); carrier_; drop_payload()) {
    const auto status = receiver_.read(*carrier_, events);
    if (status == IoStatus::would_block && !read_out_) return listen();
    if (status != IoStatus::ok) {
      receiver_.why() != nullptr ? give_up(End::protocol, receiver_.why()) : lost();
      return;
    }
    if (!react(events)) return;
    events = {};
  }
}

void ResumeCore::drop_payload() {
  while (carrier_ && !receiver_.ready().empty()) consume(receiver_.ready().front().size());
  reach_end();
}

void ResumeCore::discard() {
  discarding_ = true;
  reader_ = nullptr;  // it would not read what comes
  if (carrier_ && !over()) read_on();
}

// ---- what comes ----

// False: the tunnel is over. Also for what has come before.
bool ResumeCore::react(const FrameDecoder::Events& events) {
  if (events.ack) {
    if (!sender_.acknowledged(*events.ack)) {
      give_up(End::protocol, "an ACK of what was not sent");
      return false;
    }
    progressed();
    wake(writer_);
  }
  if (events.reset) reset_ = events.reset;
  if (!reset_ || !receiver_.ready().empty()) return true;  // what came before it is read first
  const bool dismissed = reset_->code == ResetCode::dismissed;
  if (reset_->code == ResetCode::going_away) close_code_ = kGoingAway;
  if (reset_->code == ResetCode::broken_off) close_code_ = kUnexpected;
  std::string why = printable(reset_->text);
  if (why.empty() && close_code_ != 0) why = "the peer closed with code " + std::to_string(close_code_);
  give_up(dismissed ? End::dismissed : End::cut, why);
  return false;
}

IoStatus ResumeCore::fill() {
  FrameDecoder::Events events;
  if (!react(events)) return end_ == End::clean ? IoStatus::eof : IoStatus::failed;
  while (carrier_ && !receiver_.at_end()) {
    const auto status = receiver_.read(*carrier_, events);
    if (status == IoStatus::would_block && !read_out_) return status;
    if (status != IoStatus::ok) {
      receiver_.why() != nullptr ? give_up(End::protocol, receiver_.why()) : lost();
      break;
    }
    if (!react(events)) break;
    events = {};
    if (!receiver_.ready().empty()) return IoStatus::ok;
  }
  reach_end();
  if (end_ == End::open) return IoStatus::would_block;
  return end_ == End::clean ? IoStatus::eof : IoStatus::failed;
}

// Of what the other end has to say.
void ResumeCore::reach_end() {
  if (!receiver_.at_end() || end_ != End::open) return;
  end_ = End::clean;
  acknowledge_now();
  listen();
}

void ResumeCore::consume(std::size_t bytes) {
  if (bytes == 0) return;
  receiver_.consume(bytes, *carrier_);
  receiver_.unacknowledged() >= kAckBytes ? acknowledge_now() : acknowledge_soon();
}

void ResumeCore::acknowledge_now() {
  if (receiver_.unacknowledged() == 0 || !sink()) return;
  sender_.acknowledge(receiver_.next_expected());
  receiver_.told();
  drive();
}

void ResumeCore::acknowledge_soon() {
  if (std::exchange(ack_due_, true)) return;
  ack_timer_.expires_after(times_.ack_delay);
  ack_timer_.async_wait([this, alive = std::weak_ptr<int>(alive_)](const boost::system::error_code& error) {
    if (error || alive.expired()) return;
    ack_due_ = false;
    acknowledge_now();
  });
}

void ResumeCore::await_reading(Stream::Callback callback) {
  reader_ = std::move(callback);
  over() ? wake(reader_) : listen();
}

// ---- what leaves ----

Stream::Took ResumeCore::take(std::span<Slice> slices) {
  if (over()) return {IoStatus::failed, 0};
  if (sender_.pending()) drive();
  std::size_t done = 0;
  for (Slice slice : slices) {
    while (!slice.empty()) {
      const auto part =
          slice.first(std::min({slice.size(), kSentDataBytes, sender_.room(sink() != nullptr)}));
      if (part.empty()) return {IoStatus::would_block, done};
      done += part.size();
      slice = slice.subspan(part.size());
      if (sender_.push(part, sink()) == IoStatus::failed) write_failed();
    }
  }
  watch_for_stall();
  return {IoStatus::ok, done};
}

IoStatus ResumeCore::flush() {
  if (over()) return IoStatus::failed;
  const auto status = drive();
  return over() ? IoStatus::failed : status;
}

IoStatus ResumeCore::finish() {
  if (over()) return gone_ && end_ == End::clean ? IoStatus::ok : IoStatus::failed;
  if (!last_words_) {
    sender_.end();
    drive();
    if (over()) return finish();
    return sender_.all_acknowledged() ? IoStatus::ok : IoStatus::would_block;
  }
  // Those who are not there are not waited for, but with what they lack for a whole.
  if (!sink()) return last_words_->code == ResetCode::broken_off ? IoStatus::would_block : IoStatus::ok;
  sender_.reset(*last_words_);
  return drive();
}

void ResumeCore::await_writing(Stream::Callback callback) {
  writer_ = std::move(callback);
  if (over()) return wake(writer_);
  drive();
}

// While there is no carrier, how long that may last is bounded by who brings carriers.
bool ResumeCore::still_finishing() {
  const auto to = sender_.acknowledged_to();
  const bool moves = !carrier_ || std::exchange(finishing_at_, to) != to;
  unmoved_ = moves ? 0 : unmoved_ + 1;
  return !over() && unmoved_ < kUnmovedLooks;
}

void ResumeCore::await_gone(Stream::Callback callback) {
  gone_waiter_ = std::move(callback);
  if (over()) wake(gone_waiter_);
}

// Bytes that no ACK comes for may be with a peer that is slow, or with none.
void ResumeCore::watch_for_stall() {
  if (sender_.unacknowledged() == 0 || std::exchange(watching_, true)) return;
  progress_at_ = std::chrono::steady_clock::now();
  await_stall();
}

void ResumeCore::await_stall() {
  stall_timer_.expires_at(progress_at_ + times_.stalled);
  stall_timer_.async_wait([this, alive = std::weak_ptr<int>(alive_)](const boost::system::error_code& error) {
    if (error || alive.expired() || !watching_) return;
    watching_ = sender_.unacknowledged() > 0;
    if (!watching_) return;
    const auto now = std::chrono::steady_clock::now();
    if (now >= progress_at_ + times_.stalled) {
      progress_at_ = now;
      if (sink()) sink()->check(times_.answer);
    }
    await_stall();
  });
}

// The other end has got something, or there is a new way to it.
void ResumeCore::progressed() {
  progress_at_ = std::chrono::steady_clock::now();
  if (sender_.unacknowledged() == 0 && std::exchange(watching_, false)) stall_timer_.cancel();
}

// ---- who waits ----

void ResumeCore::wake(Stream::Callback& waiting) {
  if (!waiting) return;
  net::post(executor_, [&waiting, alive = std::weak_ptr<int>(alive_)] {
    if (alive.expired()) return;
    if (auto callback = std::exchange(waiting, nullptr)) callback();
  });
}

void ResumeCore::close() {
  if (std::exchange(closed_, true)) return;
  alive_.reset();
  reader_ = writer_ = gone_waiter_ = detached_ = nullptr;
  ack_timer_.cancel();
  stall_timer_.cancel();
  rest_timer_.cancel();
  if (!carrier_) return;
  // As far as it goes at once: what is only cut may be taken for a carrier that was lost.
  const bool complete = sender_.all_acknowledged() && receiver_.at_end();
  if (!complete && !sender_.reset_sent()) sender_.reset({ResetCode::left, {}});
  if (sink() && sender_.pump(*carrier_) == IoStatus::ok) carrier_->finish();
  carrier_->close();
}

}  // namespace cfpipe::tunnel
