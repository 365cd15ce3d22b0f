#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>

#include "tunnel/buffer_pool.h"

namespace cfpipe::tunnel {

/// Bytes that one replay buffer holds at most: what a wire of 160 MiB/s has under way at 100 ms. And at most
/// once all those of this process hold kAllReplayBytes together, so that each still makes progress.
inline constexpr std::size_t kReplayBytes = 16 * 1024 * 1024;
inline constexpr std::size_t kReplayBytesCrowded = 64 * 1024;
inline constexpr std::size_t kAllReplayBytes = 256 * 1024 * 1024;

/// What was sent and is not acknowledged: bytes numbered from the beginning of the tunnel, appended at the
/// end and released at the front. Grows and shrinks by demand. Used from one thread.
class ReplayBuffer {
 public:
  ReplayBuffer() = default;
  ~ReplayBuffer() { release(end_); }
  ReplayBuffer(const ReplayBuffer&) = delete;
  ReplayBuffer& operator=(const ReplayBuffer&) = delete;

  /// The number of the first byte that is held, and of the first that is still to be appended.
  std::uint64_t begin() const { return begin_; }
  std::uint64_t end() const { return end_; }
  std::size_t size() const { return static_cast<std::size_t>(end_ - begin_); }
  /// How many more bytes may be appended now.
  std::size_t room() const;

  /// Copies all of `bytes`, which have room.
  void append(std::span<const std::byte> bytes);
  /// Drops what is in front of `offset`, which lies between begin() and end().
  void release(std::uint64_t offset);
  /// Copies from `offset` on, which lies between begin() and end(); how many bytes that were.
  std::size_t copy(std::uint64_t offset, std::span<std::byte> into) const;

 private:
  struct Chunk {
    PooledBuffer bytes;
    std::uint64_t begin;  ///< number of its first byte
    std::size_t size;
  };
  Chunk& grow(std::size_t wanted);

  std::deque<Chunk> chunks_;
  std::uint64_t begin_ = 0;
  std::uint64_t end_ = 0;
};

/// Bytes in all replay buffers of this process. From any thread.
std::size_t replay_bytes();

}  // namespace cfpipe::tunnel
