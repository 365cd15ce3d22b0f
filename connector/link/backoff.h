#pragma once

#include <chrono>
#include <functional>

namespace cfpipe::connector {

/// The first pause between two attempts, and the longest: while an outage is younger than kLongOutage, for a
/// restart of the edge, and after that.
inline constexpr std::chrono::milliseconds kFirstPause{250};
inline constexpr std::chrono::milliseconds kLongestPause{2'500};
inline constexpr std::chrono::milliseconds kLongestPauseLater{15'000};
inline constexpr std::chrono::minutes kLongOutage{2};

/// Connections in a row, drained by the edge soon after it took them, that are no failures: two restarts of
/// an edge one after the other cause one. An edge that takes connections and drains them causes more.
inline constexpr unsigned kFreeDrains = 4;

/// Pauses between attempts: each is twice as long as the one before, and a random part of its second half is
/// left out, so that connectors which lost their edge together do not come back together.
class Backoff {
 public:
  using Time = std::chrono::steady_clock::time_point;
  /// `random`: a number from 0 to 1.
  explicit Backoff(std::function<double()> random);

  /// The pause after an attempt that has failed at `now`. `asked`: the edge itself asks for fewer requests.
  std::chrono::milliseconds next(Time now, bool asked = false);
  /// The pause after a young connection that the edge has drained: the first one, and nothing grows, but for
  /// those beyond kFreeDrains.
  std::chrono::milliseconds after_drain(Time now);
  /// The outage is over, or the network another one.
  void reset();

 private:
  std::chrono::milliseconds shortened(std::chrono::milliseconds pause);

  std::function<double()> random_;
  std::chrono::milliseconds pause_{0};  ///< 0: there was none yet
  Time since_{};                        ///< of the first failure
  unsigned drains_ = 0;                 ///< in a row
};

}  // namespace cfpipe::connector
