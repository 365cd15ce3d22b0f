#include "tunnel/resume/replay_buffer.h"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "tunnel/held_bytes.h"

namespace cfpipe::tunnel {
namespace {

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

TEST(ReplayBuffer, HoldsWhatWasNotReleased) {
  std::mt19937 random(7);
  const auto up_to = [&random](std::size_t most) {
    return std::uniform_int_distribution<std::size_t>(0, most)(random);
  };
  ReplayBuffer buffer;
  std::string all;
  for (int turn = 0; turn < 2'000; ++turn) {
    std::string more(up_to(turn % 10 == 0 ? 200'000 : 100), '\0');
    for (auto& c : more) c = static_cast<char>(random());
    buffer.append(bytes_of(more));
    all += more;
    ASSERT_EQ(buffer.end(), all.size());
    buffer.release(buffer.begin() + up_to(buffer.size()));
    const auto from = buffer.begin() + up_to(buffer.size());
    std::vector<std::byte> out(up_to(300'000));
    const auto count = buffer.copy(from, out);
    ASSERT_EQ(count, std::min<std::size_t>(out.size(), all.size() - from));
    ASSERT_TRUE(count == 0 || std::memcmp(out.data(), all.data() + from, count) == 0);
  }
}

TEST(ReplayBuffer, TakesItsMemoryByDemandAndGivesItBack) {
  const auto before = held_bytes();
  {
    ReplayBuffer buffer;
    EXPECT_EQ(held_bytes(), before) << "a tunnel that is idle has none";
    buffer.append(bytes_of("a key press"));
    EXPECT_LE(held_bytes() - before, 8u * 1024);
    buffer.append(bytes_of(std::string(1'000'000, 'x')));
    EXPECT_GE(held_bytes() - before, 1'000'000u);
    EXPECT_EQ(replay_bytes(), buffer.size());
    buffer.release(buffer.end());
    EXPECT_EQ(held_bytes(), before);
    EXPECT_EQ(replay_bytes(), 0u);
    buffer.append(bytes_of("more"));
  }
  EXPECT_EQ(replay_bytes(), 0u);
  EXPECT_EQ(held_bytes(), before);
}

TEST(ReplayBuffer, HasRoomForLittleOnceTheProcessHoldsMuch) {
  std::vector<std::unique_ptr<ReplayBuffer>> buffers;
  const std::string full(kReplayBytes, 'x');
  for (std::size_t total = 0; total < kAllReplayBytes; total += kReplayBytes) {
    buffers.push_back(std::make_unique<ReplayBuffer>());
    EXPECT_EQ(buffers.back()->room(), kReplayBytes);
    buffers.back()->append(bytes_of(full));
    EXPECT_EQ(buffers.back()->room(), 0u);
  }
  ReplayBuffer late;
  EXPECT_EQ(late.room(), kReplayBytesCrowded);
  buffers.pop_back();
  EXPECT_EQ(late.room(), kReplayBytes);
}

}  // namespace
}  // namespace cfpipe::tunnel
