#pragma once

#include <cstddef>
#include <cstdint>

#include "edge/limits/recent_parties.h"

namespace cfpipe::edge {

/// Parties whose attempts are remembered at once.
inline constexpr std::size_t kMaxParties = 16'384;

/// How often something may be done: `most` times at once, and `per_minute` times a minute in the long run.
/// 0 a minute: without a limit.
struct Rate {
  std::int64_t most = 0;
  std::int64_t per_minute = 0;
};

/// A token bucket. Times are Unix seconds; a clock that is set back gives nothing and takes nothing.
class Bucket {
 public:
  /// Seconds until one more is allowed; 0: now.
  std::int64_t wait(const Rate& rate, std::int64_t now);
  /// Takes one, after wait() has said 0.
  void spend();

 private:
  std::int64_t spent_ = 0;  ///< in sixtieths, of which `per_minute` come back every second
  std::int64_t at_ = 0;
};

/// Attempts of parties, each of which has so many a minute.
class Attempts {
 public:
  /// So many at once and a minute; 0: without a limit.
  explicit Attempts(std::size_t per_minute) { set_limit(per_minute); }
  void set_limit(std::size_t per_minute);
  std::int64_t limit() const { return rate_.per_minute; }

  /// Seconds until one is left for the party at `now`, Unix seconds; 0: there is one. Takes none.
  std::int64_t wait(const PartyKey& party, std::int64_t now);
  /// Takes one at `now`, Unix seconds. Not 0: there is none left for so many seconds.
  std::int64_t take(const PartyKey& party, std::int64_t now);
  std::size_t size() const { return buckets_.size(); }

 private:
  Rate rate_;
  RecentParties<Bucket> buckets_{kMaxParties};
};

}  // namespace cfpipe::edge
