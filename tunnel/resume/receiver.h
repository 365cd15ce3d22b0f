#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "tunnel/resume/frames.h"
#include "tunnel/stream.h"

namespace cfpipe::tunnel {

/// Bytes that are acknowledged at once, and how long fewer of them may wait for an acknowledgement: the other
/// end needs it only to forget them.
inline constexpr std::size_t kAckBytes = 256 * 1024;

/// Bytes that are looked through for a last word on a carrier that takes none any more: more than the
/// windows and system buffers of a peer that waits to be read.
inline constexpr std::size_t kMaxSkimmedBytes = 32 * 1024 * 1024;

/// What one end of a resumable tunnel receives: the payload of a carrier's frames, in the carrier's memory,
/// and how much of it was consumed. What has come and was not consumed is forgotten with its carrier, and
/// comes again on the next.
class ResumeReceiver {
 public:
  /// Reads one fill of `carrier`, whose ready() is empty. ok: there may be payload, and events that are not
  /// empty. Else the carrier's status, or failed for a violation, which why() names then.
  IoStatus read(Stream& carrier, FrameDecoder::Events& events);
  /// Reads what `carrier` has at once, kMaxSkimmedBytes at most, for the sake of its events: payload is
  /// forgotten, that of ready() too. For a carrier that is about to go. The first RESET ends it.
  FrameDecoder::Events skim(Stream& carrier);
  /// Null: no violation.
  const char* why() const { return why_; }

  std::span<Slice> ready() { return std::span(payload_).subspan(next_); }
  /// `carrier`: that was read.
  void consume(std::size_t bytes, Stream& carrier);
  /// The other end's FIN has come, and all in front of it was consumed.
  bool at_end() const { return end_ && consumed_ == *end_; }

  /// The number that an ACK tells: of the next byte, or one more at the end.
  std::uint64_t next_expected() const { return consumed_ + (at_end() ? 1 : 0); }
  /// How much was consumed that no ACK has told.
  std::uint64_t unacknowledged() const { return next_expected() - told_; }
  void told() { told_ = next_expected(); }
  /// The carrier has gone.
  void restart();

 private:
  bool judge(const FrameDecoder::Events& events);

  FrameDecoder decoder_;
  const char* why_ = nullptr;
  std::vector<Slice> payload_;
  std::size_t next_ = 0;
  std::size_t carrier_bytes_ = 0;  ///< of its ready(), while there is payload in them
  std::uint64_t come_ = 0;         ///< payload bytes, consumed or not
  std::uint64_t consumed_ = 0;
  std::uint64_t told_ = 0;
  std::optional<std::uint64_t> end_;
};

}  // namespace cfpipe::tunnel
