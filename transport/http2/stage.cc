#include "transport/http2/stage.h"

namespace cfpipe::transport {
using tunnel::IoStatus;
namespace {

/// Small frames that wait to share a write, in bytes.
constexpr std::size_t kStage = 16 * 1024;
/// DATA that joins them instead of being encrypted from where it lies, in bytes: a copy costs less than a
/// record of its own.
constexpr std::size_t kJoin = 2 * 1024;
/// Room for small frames that is not given back between writes, in bytes.
constexpr std::size_t kKeptStage = 512;
/// Bytes that a frame of ours counts which a peer that does not read makes us queue.
constexpr std::size_t kQueuedFrameBytes = 200;

}  // namespace

IoStatus H2Stage::put(std::span<const std::byte> frame) {
  if (staged_.size() + frame.size() > kStage) {
    const auto status = flush();
    if (status != IoStatus::ok) return status;
  }
  staged_.insert(staged_.end(), frame.begin(), frame.end());
  return IoStatus::ok;
}

IoStatus H2Stage::put_data(std::span<const std::byte> frame, std::size_t payload) {
  if (!staged_.empty() && payload <= kJoin && staged_.size() <= kStage) {
    staged_.insert(staged_.end(), frame.begin(), frame.end());
    return IoStatus::ok;
  }
  auto status = flush();
  if (status == IoStatus::ok) status = output_.put(frame);
  if (status != IoStatus::ok && status != IoStatus::would_block) failed_ = true;
  return status;
}

IoStatus H2Stage::flush() {
  if (staged_.empty()) return IoStatus::ok;
  const auto status = output_.put(staged_);
  if (status == IoStatus::ok) staged_.clear();
  if (status == IoStatus::failed) failed_ = true;
  return status;
}

void H2Stage::shrink() {
  if (staged_.empty() && staged_.capacity() > kKeptStage) staged_ = {};
}

void H2Stage::count(std::size_t frames_behind) {
  held_.set(frames_behind * kQueuedFrameBytes + staged_.capacity());
}

}  // namespace cfpipe::transport
