#include "transport/websocket/stream.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "base/error.h"
#include "transport/net/linger.h"
#include "transport/websocket/mask.h"
#include "tunnel/buffer_pool.h"

namespace cfpipe::transport {
namespace net = boost::asio;
using tunnel::End;
using tunnel::IoStatus;
using tunnel::Slice;
namespace {

using Clock = std::chrono::steady_clock;

/// Fills in a row that would have fitted the small plain buffer before the large one is given back.
constexpr int kSmallFillsToShrink = 64;

constexpr std::uint16_t kNormal = 1000;
constexpr std::uint16_t kGoingAway = 1001;
constexpr std::uint16_t kNoCode = 1005;
/// What an edge says whose origin broke off (RFC 6455 7.4.1: it met what it did not expect).
constexpr std::uint16_t kUnexpected = 1011;

std::string seconds_text(std::chrono::milliseconds time) {
  return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(time).count()) + " seconds";
}

class WebSocketStream final : public tunnel::Stream {
 public:
  WebSocketStream(std::unique_ptr<Channel> channel, WsRole role, bool half_close,
                  std::span<const std::byte> early, const WebSocketTimes& times)
      : channel_(std::move(channel)),
        times_(times),
        role_(role),
        half_close_(half_close),
        largest_message_(half_close ? kOwnMessageBytes : kForeignMessageBytes),
        decoder_(role),
        timer_(channel_->executor()),
        watch_(times, Clock::now()),
        early_(early.begin(), early.end()) {
    schedule();
  }
  ~WebSocketStream() override { WebSocketStream::close(); }

  IoStatus fill() override;
  std::span<Slice> ready() override { return std::span(payload_).subspan(next_); }
  void consume(std::size_t bytes) override;
  void on_readable(Callback callback) override;

  Took take(std::span<Slice> slices) override;
  IoStatus flush() override;
  void breaks_off() override { broken_off_ = true; }
  IoStatus finish() override;
  void dismiss(const std::string& why) override { last_words_ = {kAccessEnded, why}; }
  void leave(const std::string& why) override {
    if (!last_words_) last_words_ = {kGoingAway, why};
  }
  void on_writable(Callback callback) override {
    channel_->on_writable([callback = std::move(callback), alive = std::weak_ptr<int>(alive_)] {
      if (!alive.expired()) callback();
    });
  }

  // The server's Close is always answered by the client's, until which the client's data goes on.
  bool half_closes() const override { return half_close_ || role_ == WsRole::server; }
  bool open_after_eof() const override { return half_close_ && role_ == WsRole::server; }
  End end() const override { return end_ == End::open && send_failed_ ? End::cut : end_; }
  std::string end_detail() const override { return detail_; }
  std::uint16_t peer_close_code() const override { return peer_close_code_; }
  void check(std::chrono::milliseconds limit) override;
  void close() override;

 private:
  IoStatus receive();
  IoStatus parse(std::span<std::byte> bytes);
  IoStatus react(const WsDecoder::Events& events);
  IoStatus ended(End how, std::string detail = {});
  bool leaves_in_peace(IoStatus status) const;
  bool acknowledgements_suffice() const;
  void show_life();
  IoStatus over() const { return end_ == End::clean ? IoStatus::eof : IoStatus::failed; }
  IoStatus send_frame(Slice part);
  IoStatus sent(IoStatus status);
  std::string close_payload() const;
  IoStatus send_control(WsOpcode opcode, std::string_view payload);
  std::size_t plain_capacity() const { return plain_.size() - tunnel::kHeadroom; }
  void size_buffer(std::size_t filled);
  std::uint16_t close_code() const;
  bool awaits_answer() const;
  bool only_reads() const;
  Clock::time_point answer_due() const;
  Clock::time_point dead_at() const;
  void schedule();
  void on_timer();
  void give_up_the_answer();
  void wake_reader();

  std::unique_ptr<Channel> channel_;
  const WebSocketTimes times_;
  WsRole role_;
  bool half_close_;  // also says that the peer is one of ours
  std::size_t largest_message_;
  WsDecoder decoder_;
  MaskSource masks_;

  tunnel::PooledBuffer plain_;  // only while there is something in it
  bool want_large_ = false;
  int small_fills_ = 0;
  std::vector<Slice> payload_;  // slices of plain_ (or early_)
  std::size_t next_ = 0;

  bool broken_off_ = false;  // what we sent is not the whole
  bool close_sent_ = false;
  Clock::time_point close_sent_at_{};
  bool send_failed_ = false;  // what the peer sent before is still read to its end
  bool gone_ = false;         // the peer will not see anything any more
  End end_ = End::open;
  std::string detail_;
  std::uint16_t peer_close_code_ = 0;  // where end_ is End::cut
  struct LastWords {
    std::uint16_t code;
    std::string why;
  };
  std::optional<LastWords> last_words_;  // what our Close is to say, where that is no ordinary end

  net::steady_timer timer_;
  PeerWatch watch_;
  Callback reader_;  // set while a reader waits
  std::vector<std::byte> early_;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

void WebSocketStream::consume(std::size_t bytes) {
  while (bytes > 0) {
    auto& slice = payload_[next_];
    const auto count = std::min(bytes, slice.size());
    slice = slice.subspan(count);
    bytes -= count;
    if (slice.empty()) ++next_;
  }
  if (next_ == payload_.size()) {
    payload_.clear();
    next_ = 0;
  }
}

IoStatus WebSocketStream::fill() {
  if (end_ != End::open) return over();
  payload_.clear();
  next_ = 0;
  if (!early_.empty()) {
    // plain_ takes the memory over, so that the slices stay valid until the next fill.
    const auto early = std::exchange(early_, {});
    plain_.take(tunnel::kHeadroom + std::max(early.size(), kPlainSmall));
    std::copy(early.begin(), early.end(), plain_.data() + tunnel::kHeadroom);
    const auto parsed = parse({plain_.data() + tunnel::kHeadroom, early.size()});
    if (parsed != IoStatus::would_block) return parsed;
  }
  return receive();
}

// cloudflared closes its connection without a Close, at either end of a tunnel (its websocket/connection.go,
// Conn.Close): the end of its TLS is the end of the tunnel, and for a client that has had our Close, so is
// any other.
bool WebSocketStream::leaves_in_peace(IoStatus status) const {
  if (half_close_) return false;
  return status == IoStatus::eof || (role_ == WsRole::server && close_sent_);
}

// An edge of ours answers a ping whatever its origin does. cloudflared answers in the loop that writes to its
// origin, behind all data, and a client may have been stopped (Ctrl-Z): where their systems acknowledge what
// we send, they are there.
bool WebSocketStream::acknowledgements_suffice() const {
  return !half_close_ || role_ == WsRole::server;
}

// cloudflared's answer to a ping is written beside its data, without the lock of those (gobwas, HandlePing),
// and may land inside of a frame. A Pong that no one asked for (RFC 6455 5.5.3) keeps a connection awake as
// well.
void WebSocketStream::show_life() {
  if (close_sent_) return;  // RFC 6455 5.5.1
  send_control(half_close_ ? WsOpcode::ping : WsOpcode::pong, {});
}

// Reads until there is payload, an end, or nothing more. Control frames alone do not make a fill succeed.
IoStatus WebSocketStream::receive() {
  for (;;) {
    Slice got;
    const auto status = channel_->read_into(plain_, want_large_ ? kPlainLarge : kPlainSmall, got);
    if (status == IoStatus::would_block) {
      plain_.give_back();
      return status;
    }
    if (status != IoStatus::ok) {
      const bool peaceful = leaves_in_peace(status);
      gone_ = true;
      return ended(peaceful ? End::clean : End::cut);
    }
    size_buffer(got.size());
    watch_.heard(Clock::now());
    const auto parsed = parse(got);
    if (parsed != IoStatus::would_block) return parsed;
  }
}

void WebSocketStream::size_buffer(std::size_t filled) {
  if (filled == plain_capacity()) {
    want_large_ = true;
    small_fills_ = 0;
  } else if (filled < kPlainSmall && ++small_fills_ == kSmallFillsToShrink) {
    want_large_ = false;
    small_fills_ = 0;
  }
}

// ok: there is payload. would_block: all was control frames or parts of them.
IoStatus WebSocketStream::parse(std::span<std::byte> bytes) {
  WsDecoder::Events events;
  const bool valid = decoder_.feed(bytes, payload_, events);
  const auto reaction = react(events);
  if (!valid && end_ == End::open) ended(End::protocol, decoder_.why());
  if (!payload_.empty()) return IoStatus::ok;
  return end_ == End::open ? reaction : over();
}

IoStatus WebSocketStream::react(const WsDecoder::Events& events) {
  if (events.ping && !close_sent_) send_control(WsOpcode::pong, events.ping_payload);
  if (!events.close) return IoStatus::would_block;
  // A page that is closed goes away (RFC 6455 7.4.1), and that is its end; an edge that does breaks off.
  const bool page_left = events.close_code == kGoingAway && role_ == WsRole::server;
  if (events.close_code == kNormal || events.close_code == kNoCode || page_left) return ended(End::clean);
  if (events.close_code == kAccessEnded) return ended(End::dismissed, printable(events.close_reason));
  std::string what = "the peer closed with code " + std::to_string(events.close_code);
  if (!events.close_reason.empty()) what += " (" + printable(events.close_reason) + ")";
  if (end_ == End::open) peer_close_code_ = events.close_code;
  return ended(End::cut, what);
}

IoStatus WebSocketStream::ended(End how, std::string detail) {
  if (end_ == End::open) {
    end_ = how;
    detail_ = std::move(detail);
  }
  return over();
}

void WebSocketStream::on_readable(Callback callback) {
  reader_ = std::move(callback);
  watch_.reading(Clock::now());
  if (end_ != End::open) {
    // The end was met while sending; the reader is told through the executor, as always.
    net::post(channel_->executor(), [this, alive = std::weak_ptr<int>(alive_)] {
      if (!alive.expired()) wake_reader();
    });
    return;
  }
  if (awaits_answer()) schedule();
  // The channel may outlive us: close() can leave it to linger.
  channel_->on_readable([this, alive = std::weak_ptr<int>(alive_)] {
    if (!alive.expired()) wake_reader();
  });
}

void WebSocketStream::wake_reader() {
  if (auto callback = std::exchange(reader_, nullptr)) callback();
}

tunnel::Stream::Took WebSocketStream::take(std::span<Slice> slices) {
  std::size_t done = 0;
  for (auto slice : slices) {
    while (!slice.empty()) {
      const auto part = slice.first(std::min(slice.size(), largest_message_));
      if (const auto status = send_frame(part); status != IoStatus::ok) return {status, done};
      done += part.size();
      slice = slice.subspan(part.size());
    }
  }
  return {IoStatus::ok, done};
}

// The header goes in front of the payload, over bytes that are either the source's headroom or already sent.
// All or nothing: room is made first, because a masked payload cannot be offered twice.
IoStatus WebSocketStream::send_frame(Slice part) {
  if (close_sent_ || send_failed_) return IoStatus::failed;
  if (const auto room = channel_->write({}); room != IoStatus::ok) return sent(room);
  std::size_t header = 0;
  if (role_ == WsRole::client) {
    const auto mask = masks_.next();
    header = put_frame_header(part.data(), part.size(), WsOpcode::binary, &mask);
    apply_mask(part, mask);
  } else {
    header = put_frame_header(part.data(), part.size(), WsOpcode::binary, nullptr);
  }
  const auto written = channel_->write_in_place({part.data() - header, header + part.size()});
  return sent(written);
}

IoStatus WebSocketStream::send_control(WsOpcode opcode, std::string_view payload) {
  const auto mask = masks_.next();
  const auto frame = control_frame(opcode, payload, role_ == WsRole::client ? &mask : nullptr);
  // Where the channel is full of our own data, an answer to a ping may be left out: the data shows that we
  // live.
  if (const auto status = channel_->write(std::as_bytes(std::span(frame))); status != IoStatus::ok)
    return status;
  return channel_->flush();
}

// The end of what arrives is for fill() to find: a peer that has closed may have sent much before.
IoStatus WebSocketStream::sent(IoStatus status) {
  if (status == IoStatus::failed) send_failed_ = true;
  return status;
}

IoStatus WebSocketStream::flush() {
  return sent(channel_->flush());
}

std::uint16_t WebSocketStream::close_code() const {
  if (last_words_) return last_words_->code;
  if (end_ == End::protocol) return decoder_.violation_code();
  return broken_off_ ? kUnexpected : kNormal;
}

// A code, big-endian, and the reason where there is one (RFC 6455 5.5.1).
std::string WebSocketStream::close_payload() const {
  const std::uint16_t code = close_code();
  const std::string out{static_cast<char>(code >> 8), static_cast<char>(code & 0xff)};
  return last_words_ ? out + last_words_->why : out;
}

IoStatus WebSocketStream::finish() {
  if (gone_ || send_failed_) return IoStatus::failed;
  if (!close_sent_) {
    const auto mask = masks_.next();
    const auto frame =
        control_frame(WsOpcode::close, close_payload(), role_ == WsRole::client ? &mask : nullptr);
    const auto status = channel_->write(std::as_bytes(std::span(frame)));
    if (status != IoStatus::ok) return sent(status);
    close_sent_ = true;
    close_sent_at_ = Clock::now();
    schedule();
  }
  // After the answer to the peer's Close there is nothing more to say.
  return sent(end_ == End::open ? channel_->flush() : channel_->close_notify());
}

// True while our Close waits for an answer that has to come at once, and a reader waits: under back-pressure
// the peer's last bytes are still in flight.
bool WebSocketStream::awaits_answer() const {
  return reader_ && close_sent_ && !only_reads();
}

// A client that has half-closed. The answer to its Close comes when the origin is done, which may take as
// long as it likes; an edge that has read our Close reads no more, and so answers no pings: whether it is
// still there is for TCP's keep-alive to find.
bool WebSocketStream::only_reads() const {
  return close_sent_ && half_close_ && role_ == WsRole::client;
}

Clock::time_point WebSocketStream::answer_due() const {
  return std::max(close_sent_at_, watch_.reading_since()) + times_.close_reply;
}

Clock::time_point WebSocketStream::dead_at() const {
  return reader_ ? watch_.dead_at() : Clock::time_point::max();
}

void WebSocketStream::schedule() {
  auto due = std::min(watch_.ping_due(), dead_at());
  if (awaits_answer()) due = std::min(due, answer_due());
  timer_.expires_at(due);
  timer_.async_wait([this, alive = std::weak_ptr<int>(alive_)](const boost::system::error_code& error) {
    if (!error && !alive.expired()) on_timer();
  });
}

// An edge that has its client's Close has only to pass on what it still holds. A client may lack the end of
// what it was to be told; the edge has told everything.
void WebSocketStream::give_up_the_answer() {
  if (role_ == WsRole::server) {
    ended(End::clean);
  } else {
    ended(End::silent, "no answer to the end of the tunnel for " + seconds_text(times_.close_reply));
  }
}

void WebSocketStream::on_timer() {
  if (end_ != End::open || only_reads()) return;
  const auto now = Clock::now();
  if (awaits_answer() && now >= answer_due()) {
    // A slow link may still be carrying what we sent before the Close.
    if (!channel_->in_flight()) {
      give_up_the_answer();
      return wake_reader();
    }
    close_sent_at_ = now;
  }
  if (const auto ago = channel_->backed_up()) watch_.excused(now - *ago);
  if (now >= dead_at() && acknowledgements_suffice() && !channel_->in_flight()) watch_.excused(now);
  if (now >= dead_at()) {
    gone_ = true;
    ended(End::silent, "no answer for " + seconds_text(times_.peer_silent));
    return wake_reader();
  }
  if (now >= watch_.ping_due()) {
    watch_.pinged(now);
    show_life();
  }
  schedule();
}

void WebSocketStream::check(std::chrono::milliseconds limit) {
  if (end_ != End::open || close_sent_) return;
  // Before the stream is: who dials then finds no connection that is as dead.
  channel_->check_connection(limit);
  watch_.checked(Clock::now(), channel_->stranded() ? std::chrono::milliseconds(0) : limit);
  show_life();
  schedule();
}

void WebSocketStream::close() {
  alive_.reset();
  reader_ = nullptr;
  timer_.cancel();
  if (!channel_) return;
  channel_->close_notify();
  // A client that has not answered our Close has not read to it either.
  const bool unread = role_ == WsRole::server && close_sent_ && end_ == End::open && !send_failed_;
  if (unread && channel_->resets_on_close()) return linger(std::move(channel_), times_.close_reply);
  channel_->close();
}

}  // namespace

std::unique_ptr<tunnel::Stream> make_websocket_stream(std::unique_ptr<Channel> channel, WsRole role,
                                                      bool half_close, std::span<const std::byte> early,
                                                      const WebSocketTimes& times) {
  return std::make_unique<WebSocketStream>(std::move(channel), role, half_close, early, times);
}

}  // namespace cfpipe::transport
