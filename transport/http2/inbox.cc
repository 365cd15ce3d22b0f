#include "transport/http2/inbox.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace cfpipe::transport {
namespace {

/// Memory for what has arrived and is not read, in bytes: a block for a key press, for a frame, for more, and
/// for bulk.
constexpr std::size_t kSmallBlock = 2 * 1024;
constexpr std::size_t kFrameBlock = 16 * 1024;
constexpr std::size_t kLargeBlock = 64 * 1024;
constexpr std::size_t kBulkBlock = 256 * 1024;

}  // namespace

void H2Inbox::add(std::span<const std::byte> data) {
  while (!data.empty()) {
    if (blocks_.empty() || blocks_.back().full()) add_block(data.size());
    Block& last = blocks_.back();
    const auto count = std::min(data.size(), last.buffer.size() - last.end);
    std::memcpy(last.buffer.data() + last.end, data.data(), count);
    last.end += count;
    filled_ = last.full() ? last.buffer.size() : 0;
    data = data.subspan(count);
  }
}

void H2Inbox::add_block(std::size_t coming) {
  std::size_t size = kLargeBlock;
  if (filled_ == 0 && coming <= kFrameBlock) size = coming <= kSmallBlock ? kSmallBlock : kFrameBlock;
  if (filled_ >= kLargeBlock) size = kBulkBlock;
  blocks_.emplace_back().buffer.take(tunnel::kHeadroom + size);
}

void H2Inbox::take_block(tunnel::PooledBuffer& into, tunnel::Slice& got) {
  Block& first = blocks_.front();
  into = std::move(first.buffer);
  got = {into.data() + first.begin, first.end - first.begin};
  blocks_.pop_front();
}

std::size_t H2Inbox::read(std::span<std::byte> into) {
  std::size_t bytes = 0;
  while (bytes < into.size() && !blocks_.empty()) {
    Block& first = blocks_.front();
    const auto count = std::min(into.size() - bytes, first.end - first.begin);
    std::memcpy(into.data() + bytes, first.buffer.data() + first.begin, count);
    first.begin += count;
    bytes += count;
    if (first.begin == first.end) blocks_.pop_front();
  }
  return bytes;
}

}  // namespace cfpipe::transport
