#include "tunnel/buffer_pool.h"

#include <utility>
#include <vector>

#include "tunnel/held_bytes.h"

namespace cfpipe::tunnel {
namespace {

struct Pool {
  struct Free {
    std::unique_ptr<std::byte[]> bytes;
    std::size_t size;
  };
  Pool() { free.reserve(kMaxPooledBuffers); }
  std::vector<Free> free;  // the one used last is the last
  std::size_t bytes = 0;
};

thread_local Pool pool;

}  // namespace

PooledBuffer::PooledBuffer(PooledBuffer&& other) noexcept
    : bytes_(std::move(other.bytes_)), size_(std::exchange(other.size_, 0)) {}

PooledBuffer& PooledBuffer::operator=(PooledBuffer&& other) noexcept {
  std::swap(bytes_, other.bytes_);
  std::swap(size_, other.size_);
  return *this;
}

void PooledBuffer::take(std::size_t size) {
  if (size_ == size) return;
  give_back();
  for (std::size_t i = pool.free.size(); i-- > 0;) {
    auto& found = pool.free[i];
    if (found.size != size) continue;
    bytes_ = std::move(found.bytes);
    pool.free.erase(pool.free.begin() + static_cast<std::ptrdiff_t>(i));
    pool.bytes -= size;
    size_ = size;
    count_held(size);
    return;
  }
  bytes_ = std::make_unique_for_overwrite<std::byte[]>(size);
  size_ = size;
  count_held(size);
}

void PooledBuffer::give_back() {
  if (size_ == 0) return;
  const auto size = std::exchange(size_, 0);
  count_freed(size);
  auto bytes = std::move(bytes_);
  if (pool.free.size() == kMaxPooledBuffers || pool.bytes + size > kMaxPooledBytes) return;
  pool.bytes += size;
  pool.free.push_back({std::move(bytes), size});
}

std::size_t pooled_buffers() {
  return pool.free.size();
}

}  // namespace cfpipe::tunnel
