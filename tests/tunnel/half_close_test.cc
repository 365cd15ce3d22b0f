#include "tunnel/half_close.h"

#include <gtest/gtest.h>

#include <array>

namespace cfpipe::tunnel {
namespace {

constexpr std::array kStates = {HalfState::flowing, HalfState::draining, HalfState::waiting,
                                HalfState::finishing, HalfState::done};

struct Row {
  Event event;
  bool half_closes;
  std::array<HalfState, 5> becomes;  // in the order of kStates
};

constexpr auto F = HalfState::flowing;
constexpr auto R = HalfState::draining;
constexpr auto W = HalfState::waiting;
constexpr auto N = HalfState::finishing;
constexpr auto D = HalfState::done;

constexpr std::array kTable = {
    Row{Event::source_ended, true, {R, R, W, N, D}},  Row{Event::source_ended, false, {R, R, W, N, D}},
    Row{Event::sink_empty, true, {F, N, W, N, D}},    Row{Event::sink_empty, false, {F, W, W, N, D}},
    Row{Event::other_done, true, {F, R, N, N, D}},    Row{Event::other_done, false, {F, R, N, N, D}},
    Row{Event::silence, true, {N, N, N, N, D}},       Row{Event::silence, false, {N, N, N, N, D}},
    Row{Event::sink_closing, true, {N, N, N, N, D}},  Row{Event::sink_closing, false, {N, N, N, N, D}},
    Row{Event::sink_finished, true, {F, R, W, D, D}}, Row{Event::sink_finished, false, {F, R, W, D, D}},
    Row{Event::sink_failed, true, {D, D, D, D, D}},   Row{Event::sink_failed, false, {D, D, D, D, D}},
};

TEST(Ending, FollowsItsTable) {
  for (const auto& row : kTable) {
    for (std::size_t i = 0; i < kStates.size(); ++i) {
      EXPECT_EQ(next(kStates[i], row.event, row.half_closes), row.becomes[i])
          << "event " << static_cast<int>(row.event) << " in state " << i << ", half_closes "
          << row.half_closes;
    }
  }
}

TEST(Ending, NeverGoesBack) {
  for (const auto& row : kTable) {
    for (const auto state : kStates) {
      EXPECT_GE(static_cast<int>(next(state, row.event, row.half_closes)), static_cast<int>(state));
    }
  }
}

}  // namespace
}  // namespace cfpipe::tunnel
