#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <utility>

namespace cfpipe::connector {

/// Bounds lines in the log whose number a peer decides on.
class LogBudget {
 public:
  using Time = std::chrono::steady_clock::time_point;
  /// Lines at once, and in each second after that.
  LogBudget(double burst, double per_second) : burst_(burst), per_second_(per_second), left_(burst) {}
  /// Whether another line may be written; those that may not are counted.
  bool take(Time now) {
    const std::chrono::duration<double> passed = now - std::exchange(last_, now);
    left_ = std::min(burst_, left_ + passed.count() * per_second_);
    if (left_ < 1) return ++left_out_, false;
    left_ -= 1;
    return true;
  }
  /// Lines that were left out since this was last asked.
  std::uint64_t left_out() { return std::exchange(left_out_, 0); }

 private:
  double burst_;
  double per_second_;
  double left_;
  Time last_{};
  std::uint64_t left_out_ = 0;
};

}  // namespace cfpipe::connector
