#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "tunnel/held_bytes.h"
#include "tunnel/stream.h"

namespace cfpipe::transport {

/// The output of a session.
class H2Output {
 public:
  virtual ~H2Output() = default;
  /// Takes all of `bytes` (ok), or nothing (would_block, failed).
  virtual tunnel::IoStatus put(std::span<const std::byte> bytes) = 0;
};

/// Small frames on their way to a session's output: they share a write. Frames with data pass them by, unless
/// they are small too. A failure of the output is final.
class H2Stage {
 public:
  using IoStatus = tunnel::IoStatus;
  explicit H2Stage(H2Output& output) : output_(output) {}

  /// Takes a frame, or all of it is left to the caller: would_block, failed.
  IoStatus put(std::span<const std::byte> frame);
  /// The same for a frame that carries `payload` bytes of data, which is not copied if it is large.
  IoStatus put_data(std::span<const std::byte> frame, std::size_t payload);
  /// Hands on what is staged.
  IoStatus flush();
  /// After a flush(): gives memory back that small frames do not need.
  void shrink();
  /// Counts what is staged, and so many frames behind it, as held.
  void count(std::size_t frames_behind);
  std::size_t bytes() const { return staged_.size(); }
  bool failed() const { return failed_; }

 private:
  H2Output& output_;
  std::vector<std::byte> staged_;
  tunnel::HeldBytes held_;
  bool failed_ = false;
};

}  // namespace cfpipe::transport
