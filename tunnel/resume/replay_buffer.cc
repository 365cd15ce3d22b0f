#include "tunnel/resume/replay_buffer.h"

#include <algorithm>
#include <atomic>
#include <cstring>

namespace cfpipe::tunnel {
namespace {

/// Bytes of a buffer's first piece, enough for what is typed, and of all that follow while it is full.
constexpr std::size_t kFirstChunk = 4 * 1024;
constexpr std::size_t kChunk = 64 * 1024;

std::atomic<std::size_t> all_bytes{0};

}  // namespace

std::size_t replay_bytes() {
  return all_bytes.load(std::memory_order_relaxed);
}

std::size_t ReplayBuffer::room() const {
  const std::size_t limit = replay_bytes() < kAllReplayBytes ? kReplayBytes : kReplayBytesCrowded;
  return limit - std::min(limit, size());
}

ReplayBuffer::Chunk& ReplayBuffer::grow(std::size_t wanted) {
  const bool small = chunks_.empty() && wanted <= kFirstChunk;
  Chunk& chunk = chunks_.emplace_back(Chunk{PooledBuffer(), end_, 0});
  chunk.bytes.take(small ? kFirstChunk : kChunk);
  return chunk;
}

void ReplayBuffer::append(std::span<const std::byte> bytes) {
  all_bytes.fetch_add(bytes.size(), std::memory_order_relaxed);
  while (!bytes.empty()) {
    const bool full = chunks_.empty() || chunks_.back().size == chunks_.back().bytes.size();
    Chunk& chunk = full ? grow(bytes.size()) : chunks_.back();
    const auto count = std::min(bytes.size(), chunk.bytes.size() - chunk.size);
    std::memcpy(chunk.bytes.data() + chunk.size, bytes.data(), count);
    chunk.size += count;
    end_ += count;
    bytes = bytes.subspan(count);
  }
}

void ReplayBuffer::release(std::uint64_t offset) {
  all_bytes.fetch_sub(static_cast<std::size_t>(offset - begin_), std::memory_order_relaxed);
  begin_ = offset;
  while (!chunks_.empty() && chunks_.front().begin + chunks_.front().size <= offset) chunks_.pop_front();
}

std::size_t ReplayBuffer::copy(std::uint64_t offset, std::span<std::byte> into) const {
  // The last chunk that begins at or in front of it.
  auto chunk = std::upper_bound(chunks_.begin(), chunks_.end(), offset,
                                [](std::uint64_t value, const Chunk& one) { return value < one.begin; });
  std::size_t done = 0;
  if (chunk != chunks_.begin()) --chunk;
  for (; chunk != chunks_.end() && done < into.size(); ++chunk) {
    const auto skip = static_cast<std::size_t>(offset + done - chunk->begin);
    const auto count = std::min(into.size() - done, chunk->size - skip);
    std::memcpy(into.data() + done, chunk->bytes.data() + skip, count);
    done += count;
  }
  return done;
}

}  // namespace cfpipe::tunnel
