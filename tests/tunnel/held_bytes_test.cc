#include "tunnel/held_bytes.h"

#include <gtest/gtest.h>

#include <optional>
#include <utility>

#include "tunnel/buffer_pool.h"

namespace cfpipe::tunnel {
namespace {

TEST(HeldBytes, CountsBuffersThatAreInUseAndNoOthers) {
  const auto before = held_bytes();
  {
    PooledBuffer first;
    first.take(5000);
    EXPECT_EQ(held_bytes(), before + 5000);
    first.take(5000);
    EXPECT_EQ(held_bytes(), before + 5000) << "it is the same buffer";
    PooledBuffer second(std::move(first));
    PooledBuffer third;
    third = std::move(second);
    EXPECT_EQ(held_bytes(), before + 5000);
    third.take(300);
    EXPECT_EQ(held_bytes(), before + 300);
    third.give_back();
    EXPECT_EQ(held_bytes(), before) << "what the pool keeps is no peer's";
    third.take(300);
    EXPECT_EQ(held_bytes(), before + 300) << "out of the pool again";
  }
  EXPECT_EQ(held_bytes(), before);
}

TEST(HeldBytes, FollowsWhatABufferHas) {
  const auto before = held_bytes();
  std::optional<HeldBytes> buffer(std::in_place);
  buffer->set(100);
  buffer->set(700);
  EXPECT_EQ(held_bytes(), before + 700);
  buffer->set(200);
  EXPECT_EQ(held_bytes(), before + 200);
  buffer.reset();
  EXPECT_EQ(held_bytes(), before);
}

}  // namespace
}  // namespace cfpipe::tunnel
