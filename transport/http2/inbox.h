#pragma once

#include <cstddef>
#include <deque>
#include <span>

#include "tunnel/buffer_pool.h"
#include "tunnel/stream.h"

namespace cfpipe::transport {

/// Bytes of a stream that have come and are not read yet, in pooled blocks that grow with what comes. The
/// stream's window bounds them.
class H2Inbox {
 public:
  void add(std::span<const std::byte> data);
  /// Copies bytes out, as many as there are and fit; returns their number.
  std::size_t read(std::span<std::byte> into);
  /// Hands over the first block as `into`, and says in `got` where its bytes are. Not while it is empty().
  void take_block(tunnel::PooledBuffer& into, tunnel::Slice& got);
  void clear() { blocks_.clear(); }
  bool empty() const { return blocks_.empty(); }

 private:
  struct Block {
    tunnel::PooledBuffer buffer;
    std::size_t begin = tunnel::kHeadroom;
    std::size_t end = tunnel::kHeadroom;
    bool full() const { return end == buffer.size(); }
  };
  void add_block(std::size_t coming);

  std::deque<Block> blocks_;
  std::size_t filled_ = 0;  ///< size of the last block, if that became full
};

}  // namespace cfpipe::transport
