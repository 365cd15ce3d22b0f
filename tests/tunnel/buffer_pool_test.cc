#include "tunnel/buffer_pool.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace cfpipe::tunnel {
namespace {

// What an earlier test left in the pool must not be found by the next: each has a thread, and so a pool, of
// its own.
template <class Body>
void on_a_thread(Body body) {
  std::thread(body).join();
}

TEST(BufferPool, HandsTheBufferUsedLastOutAgain) {
  on_a_thread([] {
    PooledBuffer first;
    PooledBuffer second;
    first.take(1000);
    second.take(1000);
    std::byte* const warm = second.data();
    EXPECT_NE(first.data(), warm);
    first.give_back();
    second.give_back();
    EXPECT_EQ(second.data(), nullptr);
    EXPECT_EQ(second.size(), 0u);
    PooledBuffer third;
    third.take(1000);
    EXPECT_EQ(third.data(), warm);
  });
}

TEST(BufferPool, GivesOtherSizesTheirOwnMemory) {
  on_a_thread([] {
    PooledBuffer small;
    small.take(1000);
    small.give_back();
    PooledBuffer large;
    large.take(100'000);
    large.data()[99'999] = std::byte{1};
    EXPECT_EQ(large.size(), 100'000u);
    large.take(1000);
    EXPECT_EQ(large.size(), 1000u);
    std::byte* const kept = large.data();
    large.take(1000);
    EXPECT_EQ(large.data(), kept);
  });
}

TEST(BufferPool, MovesWhatItHolds) {
  on_a_thread([] {
    PooledBuffer from;
    from.take(10);
    from.data()[9] = std::byte{7};
    PooledBuffer to(std::move(from));
    EXPECT_EQ(to.size(), 10u);
    EXPECT_EQ(to.data()[9], std::byte{7});
    PooledBuffer other;
    other.take(20);
    other = std::move(to);
    EXPECT_EQ(other.size(), 10u);
    EXPECT_EQ(other.data()[9], std::byte{7});
  });
}

// More than the bound is given back: what is over it must have been freed. The sanitizers would see it leak,
// and a pool that kept all of it would hand the very first out again last.
TEST(BufferPool, KeepsNoMoreThanItsBounds) {
  on_a_thread([] {
    std::vector<PooledBuffer> many(kMaxPooledBuffers + 8);
    for (auto& one : many) one.take(1000);
    for (auto& one : many) one.give_back();
    EXPECT_EQ(pooled_buffers(), kMaxPooledBuffers);
    std::vector<PooledBuffer> large(3);
    for (auto& one : large) one.take(kMaxPooledBytes / 2 + 1);
    for (auto& one : large) one.give_back();
    EXPECT_EQ(pooled_buffers(), kMaxPooledBuffers) << "full by number";
  });
  on_a_thread([] {
    std::vector<PooledBuffer> large(3);
    for (auto& one : large) one.take(kMaxPooledBytes / 2 + 1);
    for (auto& one : large) one.give_back();
    EXPECT_EQ(pooled_buffers(), 1u) << "full by bytes";
  });
}

}  // namespace
}  // namespace cfpipe::tunnel
