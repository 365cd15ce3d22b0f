#include "tunnel/resume/sender.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "tunnel/buffer_pool.h"

namespace cfpipe::tunnel {
namespace {

/// Bytes that are sent again at once.
constexpr std::size_t kReplayStep = 16 * 1024 - kFrameHeader;

Stream::Took give(Stream& carrier, Slice bytes) {
  std::array<Slice, 1> slices = {bytes};
  return carrier.take(slices);
}

}  // namespace

std::size_t ResumeSender::room(bool attached) const {
  if (attached) return pending() ? 0 : replay_.room();
  const auto waiting = static_cast<std::size_t>(replay_.end() - sent_);
  return std::min(replay_.room(), kDetachedBytes - std::min(kDetachedBytes, waiting));
}

bool ResumeSender::pending() const {
  const bool last_frame = reset_ ? !reset_sent_ : ended_ && !end_sent_;
  return sent_ < replay_.end() || !head_.empty() || !control_.empty() || ack_ || last_frame;
}

// The copy comes first: a carrier may mask what it takes in place.
IoStatus ResumeSender::push(Slice part, Stream* carrier) {
  const bool behind = pending();
  replay_.append(part);
  if (carrier == nullptr || behind) return IoStatus::would_block;
  put_data_header(part.data(), part.size());
  return put_frame({part.data() - kFrameHeader, part.size() + kFrameHeader}, *carrier);
}

// A carrier takes all of a frame or nothing, or, if it has no frames of its own, a part.
IoStatus ResumeSender::put_frame(Slice whole, Stream& carrier) {
  const std::array<std::byte, kFrameHeader> header = {whole[0], whole[1], whole[2], whole[3]};
  const auto took = give(carrier, whole);
  if (took.bytes == 0) return took.status;
  frame_end_ = sent_ + whole.size() - kFrameHeader;
  if (took.bytes >= kFrameHeader) {
    sent_ += took.bytes - kFrameHeader;
  } else {
    head_.assign(reinterpret_cast<const char*>(header.data()) + took.bytes, kFrameHeader - took.bytes);
  }
  return took.status;
}

IoStatus ResumeSender::put(Stream& carrier, std::string& bytes) {
  PooledBuffer room;
  room.take(kHeadroom + bytes.size());
  std::memcpy(room.data() + kHeadroom, bytes.data(), bytes.size());
  const auto took = give(carrier, {room.data() + kHeadroom, bytes.size()});
  bytes.erase(0, took.bytes);
  return took.status;
}

// The rest of the frame that is under way, or a new one.
IoStatus ResumeSender::put_replayed(Stream& carrier, bool new_frame) {
  const std::uint64_t end = new_frame ? replay_.end() : frame_end_;
  const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(end - sent_, kReplayStep));
  PooledBuffer room;
  room.take(kHeadroom + kFrameHeader + kReplayStep);
  std::byte* const payload = room.data() + kHeadroom + kFrameHeader;
  replay_.copy(sent_, {payload, size});
  if (!new_frame) {
    const auto took = give(carrier, {payload, size});
    sent_ += took.bytes;
    return took.status;
  }
  put_data_header(payload, size);
  return put_frame({payload - kFrameHeader, size + kFrameHeader}, carrier);
}

IoStatus ResumeSender::pump(Stream& carrier, std::uint64_t most) {
  for (const auto before = sent_; pending() && sent_ - before < most;) {
    auto status = IoStatus::ok;
    if (!head_.empty()) {
      status = put(carrier, head_);
    } else if (sent_ < frame_end_) {
      status = put_replayed(carrier, false);
    } else if (!control_.empty()) {
      status = put(carrier, control_);
    } else if (ack_) {
      control_ = ack_frame(*std::exchange(ack_, std::nullopt));
    } else if (sent_ < replay_.end()) {
      status = put_replayed(carrier, true);
    } else if (reset_) {
      control_ = reset_frame(*reset_);
      reset_sent_ = true;
    } else {
      control_ = fin_frame(replay_.end());
      end_sent_ = true;
    }
    if (status != IoStatus::ok) return status;
  }
  return IoStatus::ok;
}

bool ResumeSender::acknowledged(std::uint64_t next) {
  if (next > sent_ + (end_sent_ ? 1 : 0)) return false;
  if (next < replay_.begin()) return true;  // an older one
  replay_.release(std::min(next, replay_.end()));
  end_acknowledged_ = ended_ && next == last();
  return true;
}

bool ResumeSender::restart(std::uint64_t next) {
  if (next < replay_.begin() || next > last()) return false;
  const bool has_end = ended_ && next == last();
  if (has_end && !end_sent_ && !end_acknowledged_) return false;
  replay_.release(std::min(next, replay_.end()));
  end_acknowledged_ = end_sent_ = has_end;
  sent_ = frame_end_ = replay_.begin();
  head_.clear();
  control_.clear();
  reset_sent_ = false;
  return true;
}

}  // namespace cfpipe::tunnel
