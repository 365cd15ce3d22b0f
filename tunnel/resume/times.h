#pragma once

#include <chrono>

namespace cfpipe::tunnel {

/// `ack_delay`: how long less than kAckBytes wait for their ACK. `stalled`: without an ACK for so long while
/// bytes wait for one, the carrier is asked for a sign of life, which it has `answer` to give. `rest`: how
/// long what a carrier has brought may wait to be consumed when it takes nothing any more; then it comes
/// again.
struct ResumeTimes {
  std::chrono::milliseconds ack_delay{500};
  std::chrono::milliseconds stalled{5'000};
  std::chrono::milliseconds answer{3'000};
  std::chrono::milliseconds rest{1'000};
};

}  // namespace cfpipe::tunnel
