#pragma once

#include <boost/beast/core/flat_buffer.hpp>
#include <cstddef>
#include <span>

#include "edge/limits/memory_budget.h"
#include "transport/http/message_io.h"

namespace cfpipe::edge {

/// What one read takes, in bytes: a connection may hold that much without a charge.
inline constexpr std::size_t kInputBytes = 16 * 1024;

/// What was read of a connection and is not part of a request yet.
class InputBuffer {
 public:
  /// `most`: that may be held beyond kInputBytes, in bytes.
  InputBuffer(MemoryBudget& budget, std::size_t most) : account_(budget, most) {}
  InputBuffer(const InputBuffer&) = delete;
  InputBuffer& operator=(const InputBuffer&) = delete;

  boost::beast::flat_buffer& buffer() { return buffer_; }
  const transport::BufferRoom& room() const { return room_; }
  std::span<const std::byte> bytes() const {
    const auto data = buffer_.data();
    return {static_cast<const std::byte*>(data.data()), data.size()};
  }
  /// Drops what is in it.
  void clear() { buffer_ = boost::beast::flat_buffer(); }
  /// Between requests: what a large one has taken goes back.
  void shrink() {
    if (buffer_.size() > 0 || buffer_.capacity() <= kInputBytes) return;
    clear();
    charge_.release();
  }

 private:
  bool grows(std::size_t capacity) {
    charge_.release();
    return capacity <= kInputBytes || charge_.add(capacity - kInputBytes);
  }

  MemoryAccount account_;
  MemoryCharge charge_{account_};
  boost::beast::flat_buffer buffer_;
  const transport::BufferRoom room_ = [this](std::size_t capacity) { return grows(capacity); };
};

}  // namespace cfpipe::edge
