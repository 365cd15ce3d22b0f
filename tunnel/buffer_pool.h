#pragma once

#include <cstddef>
#include <memory>

namespace cfpipe::tunnel {

/// Bytes that a thread keeps of buffers that nobody uses: enough for both directions of a bulk stream.
inline constexpr std::size_t kMaxPooledBytes = 2 * 1024 * 1024;
/// And how many of them.
inline constexpr std::size_t kMaxPooledBuffers = 16;

/// A buffer that is there only while there is something in it. Taken from those that this thread has used
/// last, and given back to them: thousands of idle tunnels hold none, and a busy one has memory that is still
/// in the cache. Contents are arbitrary after take().
class PooledBuffer {
 public:
  PooledBuffer() = default;
  ~PooledBuffer() { give_back(); }
  PooledBuffer(PooledBuffer&& other) noexcept;
  PooledBuffer& operator=(PooledBuffer&& other) noexcept;

  /// Has exactly `size` bytes afterwards; what it held is lost unless it had that size already.
  void take(std::size_t size);
  void give_back();
  std::byte* data() const { return bytes_.get(); }
  std::size_t size() const { return size_; }

 private:
  std::unique_ptr<std::byte[]> bytes_;
  std::size_t size_ = 0;
};

/// How many this thread has free.
std::size_t pooled_buffers();

}  // namespace cfpipe::tunnel
