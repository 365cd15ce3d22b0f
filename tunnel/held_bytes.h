#pragma once

#include <cstddef>

namespace cfpipe::tunnel {

/// Bytes of all buffers of this process that hold data from or for a peer: PooledBuffers in use, and all
/// HeldBytes. From any thread.
std::size_t held_bytes();
/// Adds to held_bytes(), and subtracts from it. From any thread.
void count_held(std::size_t bytes);
void count_freed(std::size_t bytes);

/// One buffer's share of held_bytes() for the lifetime of this object. Used from one thread.
class HeldBytes {
 public:
  HeldBytes() = default;
  ~HeldBytes() { set(0); }
  HeldBytes(const HeldBytes&) = delete;
  HeldBytes& operator=(const HeldBytes&) = delete;

  /// Sets the present size of the buffer, in bytes.
  void set(std::size_t bytes);

 private:
  std::size_t bytes_ = 0;
};

}  // namespace cfpipe::tunnel
