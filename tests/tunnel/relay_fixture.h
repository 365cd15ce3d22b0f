#pragma once

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <optional>
#include <string>

#include "support/memory_stream.h"
#include "tunnel/relay.h"

namespace cfpipe::tunnel {
namespace net = boost::asio;
using namespace std::chrono_literals;
using testing::Faults;
using testing::MemoryStream;

inline constexpr RelayTimes kShort{20ms, 20ms};
/// Far above what any of these needs; only a relay that hangs meets it.
inline constexpr auto kHung = 20s;

inline std::string pattern(std::size_t size, unsigned seed) {
  std::string out(size, '\0');
  for (auto& c : out) {
    seed = seed * 1103515245U + 12345U;
    c = static_cast<char>(seed >> 16);
  }
  return out;
}

/// A relay between two streams in memory.
struct RelayFixture {
  explicit RelayFixture(Faults near_faults = {}, Faults far_faults = {}, RelayTimes times = kShort)
      : near(loop.get_executor(), near_faults),
        far(loop.get_executor(), far_faults),
        relay(std::in_place, loop.get_executor(), near, far, times) {}

  void start() {
    started = true;
    net::co_spawn(loop, relay->run(), [this](std::exception_ptr thrown, Outcome result) {
      ASSERT_FALSE(thrown);
      outcome = result;
    });
  }
  // Runs until nothing is left to do, which is the end of the relay or its standing still.
  void settle() {
    loop.restart();
    loop.poll();
  }
  bool run() {
    if (!started) start();
    loop.restart();
    loop.run_for(kHung);
    EXPECT_EQ(near.misuse(), "");
    EXPECT_EQ(far.misuse(), "");
    return outcome.has_value();
  }

  net::io_context loop;
  MemoryStream near, far;
  std::optional<Relay> relay;
  std::optional<Outcome> outcome;
  bool started = false;
};

inline const std::string kUp = pattern(20'000, 1);
inline const std::string kDown = pattern(33'333, 2);

}  // namespace cfpipe::tunnel
