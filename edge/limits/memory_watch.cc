#include "edge/limits/memory_watch.h"

#include <malloc.h>

#include <algorithm>
#include <utility>

#include "base/log.h"

namespace cfpipe::edge {

MemoryWatch::MemoryWatch(std::shared_ptr<MemoryBudget> budget, std::function<void()> trim)
    : budget_(std::move(budget)), trim_(std::move(trim)) {
  if (!trim_) trim_ = [] { ::malloc_trim(0); };
}

void MemoryWatch::look(Clock::time_point now) {
  tell(now);
  const auto used = budget_->used();
  peak_ = std::max(peak_, used);
  if (used > peak_ / 2 || peak_ - used < kTrimBytes) return;
  peak_ = used;
  trim_();
}

void MemoryWatch::tell(Clock::time_point now) {
  const auto connections = budget_->refusals(MemoryUse::connection);
  const auto small = budget_->refusals(MemoryUse::small);
  const auto large = budget_->refusals(MemoryUse::large);
  const auto all = connections + small + large;
  if (all == told_ || (told_at_ != Clock::time_point{} && now - told_at_ < kMemoryPause)) return;
  spdlog::warn(
      "memory is short, {} of {} MiB are in use: {} connections and {} requests were refused or ended so far",
      budget_->used() >> 20, budget_->limit() >> 20, connections, small + large);
  told_ = all;
  told_at_ = now;
}

}  // namespace cfpipe::edge
