#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>

#include "tunnel/resume/frames.h"
#include "tunnel/resume/replay_buffer.h"
#include "tunnel/stream.h"

namespace cfpipe::tunnel {

/// Payload of a DATA that is sent, in bytes: one message of a peer of ours with its header.
inline constexpr std::size_t kSentDataBytes = 64 * 1024 - kFrameHeader;
/// What is taken for a tunnel without a carrier, in bytes, beside what was under way.
inline constexpr std::size_t kDetachedBytes = 64 * 1024;

/// What one end of a resumable tunnel sends: keeps all of it until the other end acknowledges it, and puts it
/// into frames on a carrier, each frame once for each carrier. The carrier is the caller's.
class ResumeSender {
 public:
  /// How many bytes may be pushed now. `attached`: there is a carrier; then none while it takes no more.
  std::size_t room(bool attached) const;
  /// Keeps `part` (of at most kSentDataBytes and room()), and sends it on `carrier` if there is one. The
  /// bytes and kHeadroom in front of them are overwritten. failed: of the carrier; the bytes are kept.
  IoStatus push(Slice part, Stream* carrier);
  /// Behind all that was pushed, and no more is pushed.
  void end() { ended_ = true; }
  /// In place of an end: behind all that was pushed, and the last frame of all.
  void reset(const Reset& reset) { reset_ = reset; }
  /// An ACK of `next`, in front of what is not under way yet. Behind a RESET there is none.
  void acknowledge(std::uint64_t next) {
    if (!reset_sent_) ack_ = next;
  }

  /// Sends what there is, of payload little more than `most` bytes. ok: the carrier has taken all of that.
  IoStatus pump(Stream& carrier, std::uint64_t most = std::numeric_limits<std::uint64_t>::max());
  /// True while pump() has something to do.
  bool pending() const;

  /// The other end has all in front of `next`. False: it cannot.
  bool acknowledged(std::uint64_t next);
  /// A new carrier, over which all from `next` on follows. False: that is not here any more, or was never
  /// sent.
  bool restart(std::uint64_t next);

  bool end_sent() const { return end_sent_; }
  bool reset_sent() const { return reset_sent_; }
  bool all_acknowledged() const { return ended_ && end_acknowledged_; }
  std::size_t unacknowledged() const { return replay_.size(); }
  std::uint64_t acknowledged_to() const { return replay_.begin(); }

 private:
  IoStatus put(Stream& carrier, std::string& bytes);
  IoStatus put_replayed(Stream& carrier, bool new_frame);
  IoStatus put_frame(Slice whole, Stream& carrier);
  std::uint64_t last() const { return replay_.end() + (ended_ ? 1 : 0); }

  ReplayBuffer replay_;
  std::uint64_t sent_ = 0;       ///< the carrier has taken all bytes in front of it
  std::uint64_t frame_end_ = 0;  ///< of the frame that is under way, if that is beyond sent_
  std::string head_;             ///< the rest of that frame's header
  std::string control_;          ///< the rest of another frame
  std::optional<std::uint64_t> ack_;
  std::optional<Reset> reset_;
  bool reset_sent_ = false;
  bool ended_ = false;
  bool end_sent_ = false;
  bool end_acknowledged_ = false;
};

}  // namespace cfpipe::tunnel
