#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace cfpipe::edge {

/// How long things took, as Prometheus counts it: by upper bounds, with sum and number. Of one loop.
class Histogram {
 public:
  /// Upper bounds of the buckets in seconds; what takes longer is only in the number.
  static constexpr std::array<double, 11> kBounds{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10};

  void add(std::chrono::nanoseconds took) {
    const double seconds = std::chrono::duration<double>(took).count();
    for (std::size_t i = 0; i < kBounds.size(); ++i)
      if (seconds <= kBounds[i]) ++at_most_[i];
    ++count_;
    sum_ += seconds;
  }
  /// How many took no longer than kBounds[bound].
  std::uint64_t at_most(std::size_t bound) const { return at_most_.at(bound); }
  std::uint64_t count() const { return count_; }
  double sum() const { return sum_; }  ///< in seconds

 private:
  std::array<std::uint64_t, kBounds.size()> at_most_{};
  std::uint64_t count_ = 0;
  double sum_ = 0;
};

}  // namespace cfpipe::edge
