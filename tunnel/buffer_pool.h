#pragma once

#include <cstddef>
#include <memory>

namespace cfpipe::tunnel {

/// Most bytes of free buffers that a thread keeps: enough for both directions of a bulk stream.
inline constexpr std::size_t kMaxPooledBytes = 2 * 1024 * 1024;
/// Most free buffers that a thread keeps.
inline constexpr std::size_t kMaxPooledBuffers = 16;

/// A buffer from this thread's pool, held only while it has content: thousands of idle tunnels hold none. The
/// pool is a stack, so that a busy tunnel gets memory that is still in the cache. After take() the content is
/// arbitrary.
class PooledBuffer {
 public:
  PooledBuffer() = default;
  ~PooledBuffer() { give_back(); }
  PooledBuffer(PooledBuffer&& other) noexcept;
  PooledBuffer& operator=(PooledBuffer&& other) noexcept;

  /// Sets the size to `size` bytes; the content is lost unless the buffer had that size already.
  void take(std::size_t size);
  void give_back();
  std::byte* data() const { return bytes_.get(); }
  std::size_t size() const { return size_; }

 private:
  std::unique_ptr<std::byte[]> bytes_;
  std::size_t size_ = 0;
};

/// Number of free buffers of this thread.
std::size_t pooled_buffers();

}  // namespace cfpipe::tunnel
