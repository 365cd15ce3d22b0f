#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

#include "edge/limits/memory_budget.h"

namespace cfpipe::edge {

/// Memory in use has to fall by so much from its peak, and to less than half of that, before what the
/// allocator keeps is given back to the system, in bytes.
inline constexpr std::size_t kTrimBytes = 8 * 1024 * 1024;
/// Between two lines in the log about what was refused for want of memory.
inline constexpr std::chrono::minutes kMemoryPause{1};

/// Gives freed memory back to the system once a load has gone, and says in the log that something was refused
/// for want of memory. Of one thread.
class MemoryWatch {
 public:
  using Clock = std::chrono::steady_clock;
  /// `trim` is malloc_trim(), but for tests.
  explicit MemoryWatch(std::shared_ptr<MemoryBudget> budget, std::function<void()> trim = {});

  /// Looks now; to be called every second or so.
  void look(Clock::time_point now);

 private:
  void tell(Clock::time_point now);

  std::shared_ptr<MemoryBudget> budget_;
  std::function<void()> trim_;
  std::size_t peak_ = 0;
  std::uint64_t told_ = 0;
  Clock::time_point told_at_{};
};

}  // namespace cfpipe::edge
