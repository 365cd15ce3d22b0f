#pragma once

#include <cstddef>

namespace cfpipe::tunnel {

/// Bytes of all buffers of this process that hold something of a peer's, or for one: PooledBuffers that are
/// in use, and what HeldBytes say. From any thread.
std::size_t held_bytes();
/// So many more, and so many less. From any thread.
void count_held(std::size_t bytes);
void count_freed(std::size_t bytes);

/// One buffer's part of held_bytes(), for as long as this lives. Of one thread.
class HeldBytes {
 public:
  HeldBytes() = default;
  ~HeldBytes() { set(0); }
  HeldBytes(const HeldBytes&) = delete;
  HeldBytes& operator=(const HeldBytes&) = delete;

  /// What the buffer has now, in bytes.
  void set(std::size_t bytes);

 private:
  std::size_t bytes_ = 0;
};

}  // namespace cfpipe::tunnel
