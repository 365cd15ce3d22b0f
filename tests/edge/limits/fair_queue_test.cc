#include "edge/limits/fair_queue.h"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <string>

#include "edge/listener/control_plane.h"

namespace cfpipe::edge {
namespace {

class FairQueueTest : public ::testing::Test {
 protected:
  void push(const std::string& name, const char* address, std::uint64_t credential = 0) {
    queue_.push({address_key(std::string_view(address)), credential}, [this, name] { order_ += name + " "; });
  }
  std::string all() {
    while (!queue_.empty()) queue_.pop()();
    return std::exchange(order_, {});
  }

  FairQueue queue_;
  std::string order_;
};

TEST_F(FairQueueTest, KeepsTheOrderOfOneAsker) {
  for (const char* name : {"1", "2", "3"}) push(name, "192.0.2.1");
  EXPECT_EQ(queue_.size(), 3u);
  EXPECT_EQ(all(), "1 2 3 ");
}

TEST_F(FairQueueTest, TakesAddressesInTurns) {
  for (const char* name : {"a1", "a2", "a3", "a4"}) push(name, "192.0.2.1");
  push("b1", "192.0.2.2");
  push("b2", "192.0.2.2");
  push("c1", "192.0.2.3");
  EXPECT_EQ(all(), "a1 a2 b1 a3 c1 b2 a4 ");
}

TEST_F(FairQueueTest, WhatAnAddressGetsIsDividedAmongItsCredentials) {
  for (const char* name : {"a1", "a2", "a3"}) push(name, "192.0.2.1", 1);
  push("x1", "192.0.2.1", 2);
  EXPECT_EQ(all(), "a1 x1 a2 a3 ");
}

TEST_F(FairQueueTest, MadeUpCredentialsGainAnAddressNothing) {
  for (std::uint64_t i = 0; i < 100; ++i) push("a", "192.0.2.1", i);
  push("B", "192.0.2.2");
  EXPECT_LE(all().find('B'), 4u);
}

TEST_F(FairQueueTest, OneIpv6NetworkIsOneAddress) {
  for (const char* address : {"2001:db8::1", "2001:db8::2", "2001:db8::3"}) push("a", address);
  push("B", "2001:db8:0:1::1");
  EXPECT_LE(all().find('B'), 4u);
}

TEST_F(FairQueueTest, NewcomersDoNotStarveWhoWaits) {
  for (const char* name : {"old", "old"}) push(name, "192.0.2.1");
  std::string first;
  for (int i = 0; i < 6; ++i) {
    push("new", ("198.51.100." + std::to_string(i)).c_str());
    queue_.pop()();
  }
  EXPECT_NE(order_.find("old", order_.find("old") + 1), std::string::npos) << order_;
}

TEST_F(FairQueueTest, AnAddressHasSoManyWaiting) {
  const Asker asker{address_key(std::string_view("192.0.2.1")), 0};
  for (std::size_t i = 0; i < kMaxWaitingOfAddress; ++i) {
    ASSERT_FALSE(queue_.full(asker));
    queue_.push(asker, [] {});
  }
  EXPECT_TRUE(queue_.full(asker));
  EXPECT_FALSE(queue_.full({address_key(std::string_view("192.0.2.2")), 0}));
  queue_.pop();
  EXPECT_FALSE(queue_.full(asker));
}

class TurnsTest : public ::testing::Test {
 protected:
  static void work(std::chrono::microseconds time) {
    const auto until = std::chrono::steady_clock::now() + time;
    while (std::chrono::steady_clock::now() < until) {
    }
  }
  void add(const char* address, FairQueue::Job job, FairQueue::Job refuse = {}) {
    turns_->add({address_key(std::string_view(address)), 0}, std::move(job), std::move(refuse));
  }

  boost::asio::io_context io_{1};
  std::shared_ptr<Turns> turns_ = std::make_shared<Turns>(io_.get_executor());
};

TEST_F(TurnsTest, TimersOfTheLoopDoNotWaitForTheQueue) {
  int done = 0;
  for (int i = 0; i < 200; ++i)
    add("192.0.2.1", [&done] {
      work(std::chrono::microseconds(1000));
      ++done;
    });
  int when_it_fired = -1;
  boost::asio::steady_timer timer(io_, std::chrono::milliseconds(10));
  timer.async_wait([&](const boost::system::error_code&) { when_it_fired = done; });
  io_.run();
  EXPECT_EQ(done, 200);
  EXPECT_LT(when_it_fired, 150) << "it should have fired after 10 of them or so";
}

TEST_F(TurnsTest, AnotherAddressGoesAheadOfALongQueue) {
  int done = 0;
  for (int i = 0; i < 100; ++i) add("192.0.2.1", [&done] { ++done; });
  int before = -1;
  add("192.0.2.2", [&] { before = done; });
  io_.run();
  EXPECT_EQ(done, 100);
  EXPECT_LE(before, 2);
}

TEST_F(TurnsTest, WhatIsTooMuchIsRefusedWhereItCanBe) {
  std::size_t done = 0;
  std::size_t refused = 0;
  for (std::size_t i = 0; i < kMaxWaitingOfAddress + 5; ++i)
    add(
        "192.0.2.1", [&done] { ++done; }, [&refused] { ++refused; });
  add("192.0.2.1", [&done] { ++done; });
  io_.run();
  EXPECT_EQ(done + refused, kMaxWaitingOfAddress + 6);
}

}  // namespace
}  // namespace cfpipe::edge
